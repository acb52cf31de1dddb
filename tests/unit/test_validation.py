"""Validation: the findings of a frame from any file, any order, any cut; bad input in one line."""

from __future__ import annotations

import gc
import json
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from bondx_lib import cli, gates, market, parameters, validation
from bondx_lib.artefacts import canonical_json, sha256_file
from bondx_lib.dashboard import form
from bondx_lib.errors import BadInput
from bondx_lib.gates.controls import CONTROLS
from bondx_lib.gates.intake import UNREADABLE, noted, said
from bondx_lib.schema import LABELS
from bondx_lib.validation import check, column_map, homes, layout, page, rows, text

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "parameters" / "column_map_example.yaml"
CHOSEN = parameters.load(None, {"history_months": 24})
Frame = pd.DataFrame


@pytest.fixture(scope="module")
def panel() -> Frame:
    """An ordinary draw of two worlds."""
    return market.simulate(CHOSEN, "test/validation", bonds=60, worlds=2).panel


@pytest.fixture(scope="module")
def poor(panel: Frame) -> Frame:
    """The same with every kind of damage that could make a cut or an order show."""
    rng = np.random.default_rng(0)
    chance = rng.random(len(panel))
    other = panel["issuer_id"].to_numpy()[rng.permutation(len(panel))]
    worse = panel.assign(
        issuer_id=panel["issuer_id"].where(chance > 0.02, other).mask(chance > 0.99),
        bond_id=panel["bond_id"].mask(np.abs(chance - 0.991) < 0.004),
        leverage=panel["leverage"].astype(object).mask(np.abs(chance - 0.5) < 0.02, "n/a"),
        callable=panel["callable"].astype(object).mask(np.abs(chance - 0.3) < 0.01),
        spread_bps=panel["spread_bps"].where(np.abs(chance - 0.2) > 0.02, -5.0),
    )
    twins = worse.iloc[::40].assign(coupon_pct=worse["coupon_pct"].iloc[::40] + 1)
    return pd.concat([worse, twins], ignore_index=True)


def written(frame: Frame, path: Path) -> Path:
    """Write a frame by the suffix of its path."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


def judged(frame: Frame, folder: Path, name: str = "bonds.csv", **more: Any) -> dict[str, Any]:
    """Write a frame and return the document of what is found in it."""
    return validation.document(validation.validate(written(frame, folder / name), **more))


def same(found: dict[str, Any]) -> str:
    """Return a document without what is the file's alone."""
    return canonical_json({name: value for name, value in found.items() if name != "file"})


def of_gate(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the first finding of a gate."""
    return next(one for one in found["findings"] if one["gate"] == name)


def alike(one: float | None, other: float | None, close: float) -> bool:
    """Say whether two numbers are equal but for rounding, or both are missing."""
    if one is None or other is None:
        return one is other
    return one == pytest.approx(other, rel=close, abs=close)


def refused(call: Callable[[], Any]) -> str:
    """Return why a call is refused."""
    with pytest.raises(BadInput) as error:
        call()
    return str(error.value)


def test_a_file_is_judged_as_the_frame_in_memory(panel: Frame, tmp_path: Path) -> None:
    """Every gate on data says of the file what it says of the rows."""
    checked = validation.validate(written(panel, tmp_path / "bonds.parquet"))
    manager = gates.QualityGateManager(check.for_a_file(parameters.default()))
    expected = {(one.gate, one.slice): one for one in manager.evaluate(panel)}
    assert {(one.gate, one.slice) for one in checked.findings} == set(expected)
    for one in checked.findings:
        other = expected[one.gate, one.slice]
        if one.gate == "unreadable_cells":
            assert (one.verdict, one.observed, other.verdict) == ("pass", 0.0, "not_applicable")
            continue
        assert (one.verdict, one.severity, one.n) == (other.verdict, other.severity, other.n)
        assert alike(one.observed, other.observed, 1e-9)
    assert not checked.blocked
    assert checked.extent.rows == len(panel)
    assert checked.extent.worlds == {0, 1}


def test_csv_and_parquet_say_the_same(poor: Frame, tmp_path: Path) -> None:
    """But for the name, size and digest of the file."""
    kinds = {"leverage": "str"}
    table = judged(poor.astype(kinds), tmp_path, "bonds.parquet")
    assert same(judged(poor, tmp_path)) == same(table)
    assert table["file"]["sha256"] == sha256_file(tmp_path / "bonds.parquet")


@pytest.mark.heavy
def test_neither_order_nor_cut_changes_a_finding(poor: Frame, tmp_path: Path) -> None:
    """Shuffled rows, one part, some parts or many: equal bytes, examples included."""
    once = judged(poor, tmp_path)
    shuffled = poor.sample(frac=1, random_state=1)
    assert same(judged(shuffled, tmp_path)) == same(once)
    for size in (700, 150):
        assert same(judged(shuffled, tmp_path, rows_a_part=size)) == same(once)
    assert sum(one["verdict"] == "fail" for one in once["findings"]) >= 5
    assert sum(len(one["examples"]) for one in once["findings"]) >= 50


@pytest.mark.heavy
def test_the_cut_would_show_without_homes(
    poor: Frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: bonds of several issuers must be gathered."""
    once = judged(poor, tmp_path)
    monkeypatch.setattr(homes.Homes, "moved", lambda self, table: table)
    assert same(judged(poor, tmp_path, rows_a_part=150)) != same(once)


def test_a_bond_lives_with_the_issuer_of_most_of_its_rows() -> None:
    """Ties go one way whatever the order; none named is the last choice; others stay put."""
    bond = np.array([1, 1, 1, 2, 2, 3, 3, 4, 0, 0], np.uint64)
    issuer = np.array([7, 8, 7, 9, 6, 0, 5, 4, 3, 2], np.uint64)
    table = pa.table({rows.BOND: bond, rows.ISSUER: issuer})
    for order in (np.arange(10), np.arange(10)[::-1]):
        home = homes.Homes()
        home.add(table.take(order[:4]))
        home.add(table.take(order[4:]))
        home.finish()
        assert len(home) == 3
        assert home.moved(table)[rows.ISSUER].to_pylist() == [7, 7, 7, 6, 6, 5, 5, 4, 3, 2]


def test_pairs_are_gathered_up_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a long file are pairs, not rows, and their counts add up."""
    monkeypatch.setattr(homes, "MOST_KEPT", 8)
    home = homes.Homes()
    for _ in range(50):
        bond, issuer = np.array([1, 1, 1], np.uint64), np.array([7, 8, 8], np.uint64)
        home.add(pa.table({rows.BOND: bond, rows.ISSUER: issuer}))
        assert len(home._bond) <= 2
    home.finish()
    moved = home.moved(pa.table({rows.BOND: bond, rows.ISSUER: issuer}))
    assert moved[rows.ISSUER].to_pylist() == [8, 8, 8]


def test_only_bond_and_date_must_be_there(panel: Frame, tmp_path: Path) -> None:
    """The rest makes gates not applicable, and is named as absent by what asks for it."""
    found = judged(panel[["bond_id", "date", "spread_bps"]], tmp_path)
    verdicts = {one["gate"]: one["verdict"] for one in found["findings"]}
    assert verdicts["price_yield"] == "not_applicable"
    assert verdicts["negative_spreads"] == "pass"
    assert of_gate(found, "required_fields")["verdict"] == "fail"
    assert "issuer_id" in of_gate(found, "required_fields")["message"]
    assert found["blocked"]
    assert found["issuers"] is None
    assert "issuers" not in text.as_text(found).splitlines()[0]
    absent = found["columns"]["absent"]
    assert {"issuer_id", "rating", "esg_score", *LABELS} <= set(absent)
    assert not {"world", "synthetic", "issuer_name", "month", "bond_id"} & set(absent)
    said = refused(lambda: judged(panel.rename(columns={"bond_id": "bond"}), tmp_path))
    assert "1 column is missing; nothing was checked" in said
    assert "bond_id; is 'bond' meant to be it?" in said


def test_what_other_columns_give_is_worked_out(panel: Frame, tmp_path: Path) -> None:
    """Ratings, years and bid-ask are those of the full file; moot gates are not asked."""
    whole = judged(panel, tmp_path)
    found = judged(panel.drop(columns=[*layout.DERIVED, "world"]), tmp_path)
    assert list(found["columns"]["derived"]) == list(layout.DERIVED)
    assert found["columns"]["absent"] == []
    asked = {one["gate"] for one in found["findings"]}
    moot = {gate for how in layout.DERIVED.values() for gate in how.moot}
    assert moot == {"rating_number", "age", "bid_ask"}
    assert {one["gate"] for one in whole["findings"]} - asked == moot
    for name in ("correlation_rating_leverage", "correlation_age_turnover"):
        assert of_gate(found, name)["observed"] == pytest.approx(
            of_gate(whole, name)["observed"], abs=0.01
        )


def test_a_file_may_be_of_another_market() -> None:
    """Gates on the market's own figures are one step milder, and never block unless told to."""
    for profile, expected in (("exploratory", "info"), ("standard", "info"), ("strict", "warn")):
        key = {"quality_gates.profile": profile}
        chosen = check.for_a_file(parameters.load(None, key))
        settings = gates.QualityGateManager(chosen).settings
        for name in ("psi", "realism_spreads", "correlation_rating_spread"):
            assert settings[name].severity == expected
        unchanged = gates.settings(parameters.load(None, key).quality_gates)["schema"]
        assert settings["schema"] == unchanged
    told = parameters.load(None, {"quality_gates.severities": {"psi": "block"}})
    settings = gates.QualityGateManager(check.for_a_file(told)).settings
    assert settings["psi"].severity == "block"
    assert settings["tails"].severity == "info"


def test_cells_that_cannot_be_read_are_counted_and_shown(panel: Frame, tmp_path: Path) -> None:
    """Each with bond, date, column and what stood there; the cell counts as missing."""
    changed = panel.astype({"spread_bps": object, "maturity_date": object})
    changed.loc[[3, 5], "spread_bps"] = "1,200 bp"
    changed.loc[5, "maturity_date"] = "31/12/2030\x1f"
    found = judged(changed, tmp_path)
    one = of_gate(found, "unreadable_cells")
    assert one["observed"] == pytest.approx(100 * 2 / len(panel), rel=1e-5)
    assert one["verdict"] == "pass"
    assert "most often spread_bps (2)" in one["message"]
    shown = {row["key"]["bond_id"]: row["cells"] for row in one["examples"]}
    assert shown[panel["bond_id"][3]] == {"spread_bps": "1,200 bp"}
    assert shown[panel["bond_id"][5]]["maturity_date"] == "31/12/2030 "
    assert one["examples"][0]["key"]["date"] in panel["date"][[3, 5]].astype(str).tolist()
    emptied = changed.assign(spread_bps=changed["spread_bps"].mask(changed.index.isin([3, 5])))
    coverage = (of_gate(judged(frame, tmp_path), "coverage") for frame in (changed, emptied))
    assert next(coverage)["observed"] < 100
    changed.loc[::20, "spread_bps"] = "x" * 100
    found = judged(changed, tmp_path)
    assert of_gate(found, "unreadable_cells")["verdict"] == "fail"
    assert found["blocked"]
    cells = [row["cells"].get("spread_bps") for row in
             of_gate(found, "unreadable_cells")["examples"]]  # fmt: skip
    assert max(len(cell) for cell in cells if cell) == rows.LONGEST_SHOWN


def test_the_gate_on_unreadable_cells_and_its_control(panel: Frame) -> None:
    """It passes at the bottom of its ladder and at its limit, and fails above; parts add up."""
    manager, control = gates.QualityGateManager(CHOSEN), CONTROLS["unreadable_cells"]
    rng = np.random.default_rng(0)

    def finding(frame: Frame) -> gates.Finding:
        return next(one for one in manager.evaluate(frame) if one.gate == "unreadable_cells")

    before = panel.copy()
    assert finding(control.damage(panel, control.amounts[0], rng)).verdict == "pass"
    assert finding(control.damage(panel, control.amounts[-1], rng)).verdict == "fail"
    pd.testing.assert_frame_equal(panel, before)
    note = pd.Series(said({"spread_bps": "-", "leverage": "?"}), range(200), dtype="str")
    for bad, verdict in ((2, "pass"), (3, "fail")):
        some = panel.iloc[:200].assign(**{UNREADABLE: note.where(note.index < bad)})
        assert finding(some).verdict == verdict
        assert finding(some).observed == bad / 2
    halves = some["issuer_id"].factorize()[0] % 2
    tallies: dict[str, Any] = {}
    for half in (0, 1):
        places = np.flatnonzero(halves == half)
        part = gates.Part(some.iloc[places], places)
        tallies = gates.added(tallies, manager.count(part, ["unreadable_cells"]))
    whole = manager.count(gates.Part(some), ["unreadable_cells"])["unreadable_cells"]
    parts = tallies["unreadable_cells"]
    assert parts.examples == whole.examples
    assert (parts.slices["all rows"].hits == whole.slices["all rows"].hits).all()
    assert noted(note[0]) == {"spread_bps": "-", "leverage": "?"}


def test_words_and_ranges_are_shown_by_the_cell_to_blame(panel: Frame, tmp_path: Path) -> None:
    """An unknown word is no unreadable cell; the schema gate names it, references name the odd."""
    changed = panel.copy()
    changed.loc[7, "sector"] = "Mining"
    found = judged(changed, tmp_path)
    assert of_gate(found, "unreadable_cells")["observed"] == 0
    for gate in ("schema", "references"):
        shown = [row["cells"] for row in of_gate(found, gate)["examples"]
                 if row["key"]["bond_id"] == panel["bond_id"][7]]  # fmt: skip
        assert {"sector": "Mining"} in shown


@pytest.mark.heavy
def test_poor_files_are_judged(panel: Frame, tmp_path: Path) -> None:
    """One row, one issuer, a column without values, infinities: findings, no error."""
    one = judged(panel.iloc[:1], tmp_path)
    assert one["rows"] == one["bonds"] == one["issuers"] == 1
    verdicts = [found["verdict"] for found in one["findings"]]
    assert "not_applicable" in verdicts
    assert "inconclusive" in verdicts
    empty = judged(panel.assign(spread_bps=np.nan), tmp_path)
    assert "(spread_bps)" in of_gate(empty, "required_fields")["message"]
    assert "emptiest column: spread_bps (0.0 %)" in of_gate(empty, "coverage")["message"]
    endless = judged(panel.assign(leverage=np.inf), tmp_path)
    assert of_gate(endless, "schema")["verdict"] == "fail"
    assert of_gate(endless, "schema")["examples"][0]["cells"]["leverage"] == "inf"
    nameless = judged(panel.assign(bond_id=None, issuer_id=None, date=None), tmp_path)
    assert of_gate(nameless, "duplicate_rows")["observed"] == 0
    assert nameless["first_month"] is None
    assert same(judged(panel.assign(bond_id=None, issuer_id=None), tmp_path, rows_a_part=150)) == (
        same(judged(panel.assign(bond_id=None, issuer_id=None)[::-1], tmp_path))
    )


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "header only": (b"bond_id,date\n", "has no rows"),
    "doubled": (b"bond_id,date,date\nX,2020-01-31,2020-01-31\n", "date: stands twice"),
    "ragged": (
        b"bond_id,date\nX,2020-01-31\nX\nY,1,2\n",
        "2 lines have another number of fields than the header, as far as was read; nothing was "
        "checked\n"
        "  line 3 has 1 fields; admissible: 2\n  line 4 has 3 fields",
    ),
    "semicolons": (b"bond_id;date\nX;2020-01-31\n", "separated by ';'; admissible: ','"),
    "tabs": (b"bond_id\tdate\nX\t2020-01-31\n", "separated by '\\t'"),
    "latin": ("bond_id,date\nX\xe9,2020-01-31\n".encode("latin-1"), "line 2: is not in UTF-8"),
    "no text": (b"\x89PNG\r\n\x1a\n\x00\x00", "is no text"),
    "empty": (b"", "is empty"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_files_that_are_no_table_are_refused(case: str, tmp_path: Path) -> None:
    """In one error that names the file and what is wrong."""
    content, words = BAD_FILES[case]
    (tmp_path / "bad.csv").write_bytes(content)
    said = refused(lambda: validation.validate(tmp_path / "bad.csv"))
    assert said.startswith(f"{tmp_path / 'bad.csv'}: ")
    assert words in said


def test_parquet_files_that_cannot_be_used(panel: Frame, tmp_path: Path) -> None:
    """Without rows, cut off, or with lists for numbers."""
    path = tmp_path / "bad.parquet"
    written(panel.iloc[:0], path)
    assert "has no rows" in refused(lambda: validation.validate(path))
    written(panel.assign(leverage=[[1.0]] * len(panel)), path)
    assert "leverage: is of type list" in refused(lambda: validation.validate(path))
    content = written(panel, path).read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:999] + b"\xa5" * middle + content[999 + middle :])
    assert "bad.parquet: cannot be read as Parquet" in refused(lambda: validation.validate(path))
    assert "is a folder" in refused(lambda: validation.validate(tmp_path))
    assert "is out of range" in refused(lambda: validation.validate(path, workers=0))


def mapped(panel: Frame) -> tuple[Frame, dict[str, Any]]:
    """Return the panel as somebody else would write it, by the example map, and the map."""
    names = yaml.safe_load(EXAMPLE.read_text())
    theirs = panel.copy()
    for name, factor in names["scale"].items():
        theirs[name] = theirs[name] / factor
    for name, words in names["values"].items():
        flags = {"true": True, "false": False}
        back = {flags.get(str(ours).lower(), ours): their for their, ours in words.items()}
        theirs[name] = theirs[name].astype(object).map(lambda one, back=back: back.get(one, one))
    theirs["news_sentiment"] = theirs["news_sentiment"].astype(object).fillna("#N/A N/A")
    return theirs.rename(columns=names["columns"]), names


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_example_map_undoes_another_house_s_ways(
    panel: Frame, tmp_path: Path, suffix: str
) -> None:
    """Names, units, words and marks of missing values: the findings are those of our own file."""
    theirs, names = mapped(panel)
    if suffix == ".parquet":
        theirs = theirs.astype({"news_sentiment": "str"})
    checked = validation.validate(written(theirs, tmp_path / f"theirs{suffix}"), names=EXAMPLE)
    ours = judged(panel, tmp_path)
    found = validation.document(checked)
    assert found["columns"]["ignored"] == []
    assert found["column_map"]["columns"] == names["columns"]
    for one, other in zip(found["findings"], ours["findings"], strict=True):
        assert (one["gate"], one["verdict"], one["n"]) == (
            other["gate"], other["verdict"], other["n"],
        )  # fmt: skip
        assert alike(one["observed"], other["observed"], 1e-5)


def test_an_explicit_map_comes_before_a_name_of_ours(panel: Frame, tmp_path: Path) -> None:
    """A column of our name that is mapped elsewhere is ignored; one of theirs may serve two."""
    names = column_map.ColumnMap(columns={"spread_bps": "oas", "issuer_name": "issuer_id"})
    theirs = panel.assign(oas=panel["spread_bps"], spread_bps=-1.0)
    found = judged(theirs, tmp_path, names=names)
    assert of_gate(found, "negative_spreads")["verdict"] == "pass"
    assert found["columns"]["ignored"] == ["issuer_name", "spread_bps"]


BAD_MAPS: dict[str, tuple[str, str]] = {
    "no mapping": ("- bond_id\n", "is a list"),
    "no YAML": ("columns: {bond_id\n", "is not valid YAML"),
    "unknown block": ("column: {}\n", "column: is not known (got 'column')"),
    "unknown name": ("columns: {spread_bp: oas}\n", "did you mean 'spread_bps'?"),
    "two for one": ("columns:\n  date: a\n  date: b\n", "columns.date: is given twice"),
    "not there": ("columns: {spread_bps: spred}\n", "columns.spread_bps: is no column of"),
    "nearest there": ("columns: {spread_bps: dates}\n", "did you mean 'date'?"),
    "no name": ("columns: {spread_bps: 17}\n", "is no name of a column (got 17)"),
    "a list": ("columns: [bond_id]\n", "columns: is no mapping"),
    "scale of nothing": ("scale: {leverage: 2}\n", "scale.leverage: is no column of"),
    "scale of words": ("scale: {bond_id: 2}\n", "has no unit to scale"),
    "scale by zero": ("scale: {spread_bps: 0}\n", "is no factor (got 0)"),
    "scale by a word": ("scale: {spread_bps: per cent}\n", "is no factor"),
    "scale by truth": ("scale: {spread_bps: true}\n", "is no factor"),
    "word unknown": ("values: {rating: {Baa1: BB++}}\n", "did you mean 'BB+'?"),
    "word no text": ("values: {callable: {NO: false}}\n", "put it in quotes"),
    "no words": ("values: {rating: BBB}\n", "values.rating: is no mapping"),
    "missing no list": ("missing: '-'\n", "is no list of texts"),
}


@pytest.mark.parametrize("case", BAD_MAPS)
def test_maps_that_cannot_be_used(case: str, tmp_path: Path) -> None:
    """The error names file, key, value, and what is near."""
    content, words = BAD_MAPS[case]
    (tmp_path / "map.yaml").write_text(content)
    source = tmp_path / "bonds.csv"
    source.write_text("bond_id,date,spread_bps\nX,2020-01-31,100\n")
    said = refused(lambda: validation.validate(source, names=tmp_path / "map.yaml"))
    assert said.startswith(f"{tmp_path / 'map.yaml'}: ")
    assert words in said


def test_column_maps_are_no_parameters() -> None:
    """The example names columns of ours, and the notebook does not offer it as parameters."""
    assert column_map.load(EXAMPLE).columns["bond_id"] == "ISIN"
    offered = [path.stem for path in form.parameters_files(ROOT / "parameters")]
    assert "default" in offered
    assert not any("column_map" in name for name in offered)


def test_nothing_is_left_behind(
    panel: Frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts go to the system's place and are gone after success, bad input and interruption."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    seen: list[bool] = []

    def watched(done: int, rows: int, word: str) -> None:
        seen.append(any(place.iterdir()))

    judged(panel, tmp_path, rows_a_part=150, progress=watched)
    assert all(seen)
    assert not any(place.iterdir())
    source = written(panel, tmp_path / "bonds.csv")
    with source.open("a") as file:
        file.write("ragged\n")
    assert "1 line has" in refused(lambda: validation.validate(source, rows_a_part=150))
    assert not any(place.iterdir())

    def stop(done: int, rows: int, word: str) -> None:
        if word == "checked":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(panel, tmp_path, rows_a_part=150, progress=stop)
    assert not any(place.iterdir())


def test_a_part_is_let_go_when_it_has_been_counted(
    panel: Frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without waiting for the collector of cycles: memory is that of one part, not of many."""
    seen: list[weakref.ref[gates.Part]] = []
    own = rows.part_of_rows

    def watched(table: pa.Table, plan: layout.Layout) -> gates.Part:
        assert all(part() is None for part in seen)
        part = own(table, plan)
        seen.append(weakref.ref(part))
        return part

    monkeypatch.setattr(rows, "part_of_rows", watched)
    source = written(panel, tmp_path / "bonds.parquet")
    gc.disable()
    try:
        validation.validate(source, rows_a_part=300)
    finally:
        gc.enable()
    assert len(seen) > 3


def test_a_gate_of_this_process_alone_is_not_forgotten(panel: Frame) -> None:
    """Another process that does not know it says so; nothing is left unjudged in silence."""
    plan = layout.Layout({}, (), (), ())
    job = check.Job(parameters.default(), plan, ("schema", "of_my_own"))
    assert "one worker" in refused(lambda: check.count_part(job, pa.table({})))


def test_the_terminal_shows_the_worst_first_in_eighty_columns(poor: Frame, tmp_path: Path) -> None:
    """Heading, what blocks, what warns, what differs, families, columns, and the verdict last."""
    changed = poor.drop(columns="convexity").assign(**{"\x1b[31mdesk": 1})
    found = judged(changed, tmp_path)
    lines = text.as_text(found).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"bonds.csv: {len(poor):,} rows, ")
    outcomes = [line.split()[0] for line in lines if line.split(" ")[0] in
                ("BLOCKS", "warns", "differs", "inconclusive")]  # fmt: skip
    order = ["BLOCKS", "warns", "differs", "inconclusive"]
    assert outcomes == sorted(outcomes, key=order.index)
    assert outcomes[0] == "BLOCKS"
    assert any("absent columns (1): convexity" in line for line in lines)
    assert "\x1b" not in "\n".join(lines)
    assert "REFUSED by" in lines[-1] + lines[-2] + lines[-3]
    more = text.as_text(found, every=True)
    assert "month_ends" in more
    assert "month_ends" not in "\n".join(lines)


def test_the_page_escapes_what_is_not_ours(poor: Frame, tmp_path: Path) -> None:
    """Names, words and columns of a stranger are text; nothing runs and nothing is fetched."""
    evil = "<script>alert(1)</script>"
    changed = poor.assign(sector=poor["sector"].where(poor.index % 50 > 0, evil), **{evil: 1})
    found = judged(changed, tmp_path, "a<b>.csv")
    html = page.page(found)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "a&lt;b&gt;.csv" in html
    assert "default-src 'none'" in html
    assert "simulated" not in html.split("<footer>")[1]
    for name in ("Refused by", "unreadable cells", "SHA-256", found["gates_digest"]):
        assert name in html
    assert page.page(found) == html
    clean = {**found, "findings": [one for one in found["findings"] if one["verdict"] == "pass"]}
    assert "Nothing is open" in page.page(clean)
    assert "Accepted" in page.page(clean)


def test_exit_codes_and_outputs(
    panel: Frame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 where nothing blocks, 3 where something does, 2 for bad input; files are not replaced."""
    source = str(written(panel, tmp_path / "bonds.csv"))
    target, shown = tmp_path / "found.json", tmp_path / "found.html"
    call = ["validate", source, "--quiet", "--json", str(target), "--html", str(shown)]
    assert cli.main(call) == 0
    told = capsys.readouterr()
    assert "accepted" in told.out
    assert str(shown) in told.err
    content = target.read_bytes()
    assert shown.read_text().lower().startswith("<!doctype html>")
    assert cli.main(call) == 2
    assert "is there already" in capsys.readouterr().err
    assert cli.main([*call, "--force"]) == 0
    assert target.read_bytes() == content
    capsys.readouterr()
    strict = ["--set", "quality_gates.negative_spreads_max_pct=0", "--profile", "strict"]
    assert cli.main(["validate", source, "--quiet", *strict, "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["blocked"], found["profile"]) == (True, "strict")
    assert found["file"]["name"] == "bonds.csv"
    assert cli.main(["validate", str(tmp_path / "none.csv"), "--quiet"]) == 2
    assert cli.main(["validate", source, "--json", str(tmp_path / "no" / "f.json")]) == 2
    assert cli.main(["validate", source, "--html", source, "--force"]) == 2
    assert cli.main(["validate", source, "--json", "a", "--html", "a"]) == 2
    said = capsys.readouterr().err
    for words in ("is no file", "is no folder", "is the input", "is named twice"):
        assert words in said
