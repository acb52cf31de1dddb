"""Scoring: known answers, any cut the same bytes, bad input refused before a byte is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import bondx_lib
from bondx_lib import cli, evidence, features, market, models, parameters, scoring
from bondx_lib.errors import BadInput
from bondx_lib.models.base import read_card, write_card
from bondx_lib.schema import KEYS, LABELS, SCENARIOS
from bondx_lib.scoring import scores, survey, units

Change = Callable[[pd.DataFrame], pd.DataFrame]


class Fingerprint:
    """A model whose answer is a hash of all features: equal only if every bit of them is."""

    name: ClassVar[str] = "print"
    columns: ClassVar[tuple[str, ...]] = features.FEATURES
    answers: ClassVar[tuple[str, ...]] = ("fingerprint", "fingerprint_text")

    def answer(self, panel: models.Panel) -> pd.DataFrame:
        """Return the hash as a number and as a word that may be empty."""
        hashes = pd.util.hash_pandas_object(panel.features, index=False).astype("int64")
        values = (hashes, hashes.astype("str").where(hashes > 0, ""))
        return pd.DataFrame(dict(zip(self.answers, values, strict=True)), index=panel.rows.index)

    def card(self) -> dict[str, Any]:
        """Return a card."""
        return {"purpose": "a test"}

    def save(self, folder: Path) -> None:
        """Write a file that says nothing, and the card."""
        folder.mkdir(parents=True)
        (folder / "nothing.json").write_text("{}\n")
        write_card(folder, self.name, self.columns, {}, ["nothing.json"])

    @classmethod
    def load(cls, folder: Path) -> Fingerprint:
        """Check the card."""
        read_card(folder, cls.name, cls.columns)
        return cls()


class Constant(Fingerprint):
    """A model that always says the same."""

    name: ClassVar[str] = "constant"

    def answer(self, panel: models.Panel) -> pd.DataFrame:
        """Return a half."""
        return pd.DataFrame({"constant": np.full(len(panel), 0.5)}, index=panel.rows.index)


class Clash(Constant):
    """A model whose answer has the name of another's."""

    name: ClassVar[str] = "clash"


LAWS = {law.name: law for law in (Constant, Fingerprint, Clash)}


@pytest.fixture(autouse=True)
def _register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the test's own models in the place of the register."""
    own = models.get
    monkeypatch.setattr(models, "known", lambda: tuple(LAWS))
    monkeypatch.setattr(models, "get", lambda name: LAWS[name] if name in LAWS else own(name))


def simulated(**more: Any) -> pd.DataFrame:
    """Return a panel without repeated rows."""
    chosen = parameters.load(None, {"history_months": 24, "scenario": more.pop("scenario", None)
                                    or "baseline"})  # fmt: skip
    panel = market.simulate(chosen, "test/scoring", **more).panel
    return panel[~panel.duplicated(list(KEYS))].reset_index(drop=True)


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """Two worlds, in an order of no kind."""
    return simulated(bonds=40, worlds=2).sample(frac=1, random_state=0).reset_index(drop=True)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with two champions."""
    folder = tmp_path / "runs" / "20260101T000000Z-test-abcdef"
    for law in (Fingerprint, Constant):
        law().save(folder / "models" / law.name)
    (folder / "events.jsonl").touch()
    return folder


def written(panel: pd.DataFrame, folder: Path, suffix: str = ".parquet") -> Path:
    path = folder / f"bonds{suffix}"
    if suffix == ".csv":
        panel.to_csv(path, index=False)
    else:
        panel.to_parquet(path)
    return path


def scored(run: Path, panel: pd.DataFrame, **more: Any) -> pd.DataFrame:
    """Write a panel, score it, and read the answers."""
    output = run.parent.parent / "scores.parquet"
    scoring.score(run, written(panel, output.parent), output, overwrite=True, **more)
    return pd.read_parquet(output)


def refused(run: Path, source: Path, **more: Any) -> str:
    """Return why a file is refused, after checking that nothing was written."""
    base = run.parent.parent
    before = sorted(base.rglob("*"))
    with pytest.raises(BadInput) as error:
        scoring.score(run, source, more.pop("output", base / "scores.parquet"), **more)
    assert sorted(base.rglob("*")) == before
    return str(error.value)


def expected(panel: pd.DataFrame) -> pd.DataFrame:
    return Fingerprint().answer(models.Panel.of(panel))


def test_answers_are_those_of_the_model_in_the_order_of_the_rows(run: Path, panel: pd.DataFrame):
    """Keys, then the answers of each model in order of the register, then problems."""
    found = scored(run, panel)
    assert list(found) == [*KEYS, "constant", *Fingerprint.answers, "problems"]
    for name in KEYS:
        assert (found[name] == panel[name]).all()
    pd.testing.assert_frame_equal(found[list(Fingerprint.answers)], expected(panel))
    assert (found["constant"] == 0.5).all()


@pytest.mark.heavy
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_no_cut_changes_a_byte(
    run: Path, panel: pd.DataFrame, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One part or hundreds, chunks of the output small or large: equal files."""
    source, found = written(panel, tmp_path, suffix), []
    for size in (10**9, 300, 40, 1):
        output = tmp_path / f"scores{suffix}"
        scoring.score(run, source, output, rows_a_part=size, overwrite=True)
        found.append(output.read_bytes())
    assert len(set(found)) == 1
    monkeypatch.setattr(scores, "ROWS_A_CHUNK", 100)
    scoring.score(run, source, tmp_path / "chunks.parquet")
    scoring.score(run, source, tmp_path / "whole.parquet", names=["print", "constant"])
    pd.testing.assert_frame_equal(
        *(pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("chunks", "whole"))
    )


def test_a_part_really_is_a_part(run: Path, panel: pd.DataFrame, monkeypatch: pytest.MonkeyPatch):
    """Structure: no more rows than a few issuers' are shown to a model at a time."""
    seen: list[int] = []
    own = Constant.answer
    monkeypatch.setattr(
        Constant, "answer", lambda self, part: seen.append(len(part)) or own(self, part)
    )
    scored(run, panel, rows_a_part=100)
    assert len(seen) > 5
    assert max(seen) < len(panel) / 2


def test_parts_need_the_first_rows_of_the_months(
    run: Path, panel: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    """Negative control: a part without them knows less of the economy."""
    monkeypatch.setattr(scores, "_others", lambda asked, rows: rows.iloc[:0, 1:])
    found = scored(run, panel, rows_a_part=40)
    assert (found["fingerprint"] != expected(panel)["fingerprint"]).any()


def test_csv_and_parquet_say_the_same(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """Numbers are read to the bit from either; the CSV has ISO dates and empty cells."""
    scoring.score(run, written(panel, tmp_path, ".csv"), tmp_path / "scores.csv")
    found = pd.read_csv(tmp_path / "scores.csv", keep_default_na=False)
    assert (found["fingerprint"] == expected(panel)["fingerprint"]).all()
    assert found["date"].tolist() == panel["date"].dt.strftime("%Y-%m-%d").tolist()


def test_what_is_not_needed_may_be_absent(run: Path, panel: pd.DataFrame):
    """Labels, names and the month may be missing, and a lone world; no order matters."""
    bare = panel.drop(columns=[*LABELS, "synthetic", "issuer_name", "month"])[::-1]
    found = scored(run, bare[bare.columns[::-1]])
    answers = expected(panel)[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[list(Fingerprint.answers)], answers)
    alone = panel[panel["world"] == 0].reset_index(drop=True)
    found = scored(run, alone.drop(columns="world"))
    assert (found["world"] == 0).all()
    pd.testing.assert_frame_equal(found[list(Fingerprint.answers)], expected(alone))


def test_kinds_of_columns_that_other_tools_write(run: Path, panel: pd.DataFrame):
    """Categories, texts for numbers, 0 and 1 for flags, dates with a time zone."""
    other = panel.assign(
        rating=panel["rating"].astype("category"),
        spread_bps=panel["spread_bps"].map(repr),
        callable=panel["callable"].astype(int),
        liquidity_shock=panel["liquidity_shock"].map(str),
        date=panel["date"].dt.tz_localize("Asia/Tokyo"),
        maturity_date=panel["maturity_date"].dt.strftime("%Y-%m-%d"),
        rating_number=panel["rating_number"].astype(float),
    )
    found = scored(run, other)
    pd.testing.assert_frame_equal(found[list(Fingerprint.answers)], expected(panel))


def test_other_columns_are_named_and_ignored(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """Whatever stands in them."""
    source = written(panel.assign(desk="B", notes=None), tmp_path)
    summary = scoring.score(run, source, tmp_path / "scores.parquet")
    assert summary.ignored == ("desk", "notes")
    assert summary.rows == len(panel)
    assert summary.models == ("constant", "print")


def test_numbers_out_of_range_are_scored_and_said(run: Path, panel: pd.DataFrame):
    """A damaged row is not a damaged file."""
    changed = panel.copy()
    changed.loc[3, ["spread_bps", "leverage"]] = [-120.0, 7.5]
    changed.loc[5, "rating_number"] = 40 - changed.loc[5, "rating_number"]
    found = scored(run, changed)["problems"]
    assert found[3] == "spread_bps -120 is outside 0 … 20000; leverage 7.5 is outside 0 … 3"
    assert "rating_number" in found[5]
    assert f"is not that of {changed.loc[5, 'rating']}" in found[5]
    sound = found.drop([3, 5])
    assert sound[sound != ""].str.contains("is outside").all()
    assert (sound == "").mean() > 0.95


def set_to(name: str, value: Any, rows: Any = 4) -> Change:
    """Return a change of some cells of a column."""

    def change(panel: pd.DataFrame) -> pd.DataFrame:
        cells = panel[name].astype(object)
        cells.loc[rows] = value
        return panel.assign(**{name: cells})

    return change


def text_of(name: str, value: str) -> Change:
    return lambda panel: set_to(name, value)(panel.assign(**{name: panel[name].astype("str")}))


BAD_ROWS: dict[str, tuple[Change, list[str]]] = {
    "unknown rating": (set_to("rating", "bbb +"), ["row 5 (XZ", "rating", "'bbb +'", "'BBB+'?"]),
    "unknown sector": (set_to("sector", "Finanse"), ["sector", "'Finanse'", "'Finance'?"]),
    "unknown seniority": (
        set_to("seniority", "Senior Secured"), ["seniority", "'senior_secured'?"]
    ),
    "unknown regime": (set_to("regime_observed", "boom"), ["'boom'", "expansion, slowdown"]),
    "no rating": (set_to("rating", None), ["row 5", "rating: is missing", "AAA"]),
    "no number": (set_to("leverage", None), ["leverage: is missing", "a finite number"]),
    "no bond": (set_to("bond_id", ""), ["row 5 (20", "bond_id: is missing"]),
    "word for a number": (text_of("spread_bps", "1,200"), ["spread_bps", "'1,200'", "number, bp"]),
    "infinite": (set_to("spread_bps", np.inf), ["spread_bps", "inf", "a finite number"]),
    "beyond measure": (set_to("volume_usd", 1e30), ["volume_usd", "1e+30"]),
    "half a notch": (set_to("rating_number", 7.5), ["rating_number", "7.5", "a whole number"]),
    "negative world": (set_to("world", -1), ["world", "-1", "a whole number"]),
    "no flag": (text_of("callable", "perhaps"), ["callable", "'perhaps'", "true, false"]),
    "no date": (text_of("maturity_date", "31/12/2030"), ["'31/12/2030'", "YYYY-MM-DD"]),
    "no such day": (text_of("date", "2024-02-31"), ["date", "'2024-02-31'"]),
    "no such year": (text_of("maturity_date", "9999-12-31"), ["9999", "1900 to 2199"]),
    "another month": (
        lambda panel: panel.assign(month=panel["month"].where(panel.index != 4, 999)),
        ["row 5", "month: does not go with its date (got 999)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ROWS)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_row_that_cannot_be_used_is_shown(
    run: Path, panel: pd.DataFrame, tmp_path: Path, case: str, suffix: str
):
    """File, row, bond, column, value, and what would be accepted."""
    change, words = BAD_ROWS[case]
    changed = change(panel)
    if suffix == ".parquet" and case in ("half a notch", "infinite", "beyond measure"):
        changed = changed.infer_objects()
    source = written(changed, tmp_path, suffix)
    said = refused(run, source)
    assert said.startswith(f"{source}: 1 problem in its rows; nothing was written\n")
    assert all(word in said for word in words), said


def test_ten_problems_are_shown_and_all_counted(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """In the order of the rows, whichever column they are in."""
    changed = set_to("rating", "Z", slice(20, 60))(set_to("sector", "Y", [1, 99])(panel))
    said = refused(run, written(changed, tmp_path)).splitlines()
    assert "43 problems" in said[0]
    assert said[1].startswith("  row 2 ")
    assert said[2].startswith("  row 21 ")
    assert len(said) == 12
    assert said[-1] == "  and 33 more"


def test_a_column_of_another_type_is_refused_as_a_whole(
    run: Path, panel: pd.DataFrame, tmp_path: Path
):
    """Dates for numbers, numbers for words or dates, 2 for a flag."""
    for name, values, word in (
        ("leverage", panel["date"], "a finite number, ratio"),
        ("rating", panel["leverage"], "AAA, AA+"),
        ("maturity_date", panel["leverage"], "YYYY-MM-DD"),
        ("callable", panel["rating_number"], "true, false"),
        ("sector", panel["callable"], "Technology"),
    ):
        said = refused(run, written(panel.assign(**{name: values}), tmp_path))
        assert f"{name}: is of type" in said
        assert word in said


def test_missing_columns_are_named_with_what_may_be_meant(
    run: Path, panel: pd.DataFrame, tmp_path: Path
):
    """All of them at once."""
    source = written(panel.rename(columns={"spread_bps": "spread_bp"}), tmp_path)
    said = refused(run, source)
    assert "1 column is missing" in said
    assert "spread_bps; is 'spread_bp' meant to be it?" in said
    source = written(panel.drop(columns=["leverage", "rating"]), tmp_path)
    assert "2 columns are missing" in refused(run, source)


def test_repeated_rows_are_refused_unless_asked_for(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """The error says how; then both are scored, and answers are those of the model."""
    double = pd.concat([panel, panel.iloc[[7, 9]]], ignore_index=True)
    said = refused(run, written(double, tmp_path))
    assert "2 problems" in said
    date = panel["date"][7].strftime("%Y-%m-%d")
    assert f"row {len(panel) + 1} ({panel['bond_id'][7]}, {date}) has the world" in said
    assert said.splitlines()[1].endswith(" of row 8")
    assert "--duplicates score" in said
    assert "did you mean 'score'?" in refused(run, written(double, tmp_path), duplicates="scor")
    found = scored(run, double, duplicates="score", rows_a_part=50)
    pd.testing.assert_frame_equal(found[list(Fingerprint.answers)], expected(double))


def test_rows_that_do_not_make_a_monthly_panel(
    run: Path, panel: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A bond of two issuers, two days in a month, too long a time."""
    bond = panel.index[panel["bond_id"] == panel["bond_id"][0]]
    changed = panel.assign(
        issuer_id=panel["issuer_id"].where(panel.index != bond[-1], panel["issuer_id"][0] + "x")
    )
    said = refused(run, written(changed, tmp_path))
    assert f"({panel['bond_id'][0]}) issuer_id: is not the one" in said
    daily = panel.assign(
        date=panel["date"].where(panel.index != 4, panel["date"][4].replace(day=9))
    )
    assert "stand in one month" in refused(run, written(daily, tmp_path))
    monkeypatch.setattr(survey, "MOST_MONTHS", 12)
    assert "at most 12 months" in refused(run, written(panel, tmp_path))


SCALES: dict[str, tuple[float, str]] = {
    "spread_bps": (1e-2, "per cent"), "yield_pct": (1e-2, "a fraction"),
    "coupon_pct": (1e-2, "a fraction"), "clean_price": (1e-2, "per 1 of face"),
    "bid_price": (1e-2, "per 1 of face"), "ask_price": (1e-2, "per 1 of face"),
    "bid_ask_bps": (1e-2, "per cent"), "volume_usd": (1e-6, "millions of USD"),
    "depth_usd": (1e-3, "thousands of USD"), "amount_outstanding_usd": (1e-6, "millions of USD"),
    "zero_trading_days_pct": (1e-2, "a fraction"), "leverage": (100, "per cent"),
    "equity_volatility": (100, "per cent"), "equity_return_3m": (100, "per cent"),
    "equity_index_volatility": (1e-2, "a fraction"), "market_spread_bps": (1e-2, "per cent"),
    "maturity_years": (12, "months"), "age_years": (360, "days"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCALES)
def test_a_column_in_another_unit_is_refused(
    run: Path, panel: pd.DataFrame, tmp_path: Path, name: str
):
    """The error has the column, its median, the unit expected, and the one it seems to be in."""
    factor, word = SCALES[name]
    changed = panel.assign(**{name: panel[name] * factor})
    said = refused(run, written(changed, tmp_path))
    assert "1 column is in another unit; nothing was written" in said, said
    assert (
        f"\n  {name}: the median is {changed[name].median():.3g}, which looks like {word};" in said
    )
    assert f"expected: {units.EXPECTED[name]}" in said


def test_spreads_as_fractions_and_all_rates_as_fractions(panel: pd.DataFrame):
    """Further ways to be wrong; a reference that is itself wrong accuses nobody."""
    found = units.find(panel.assign(spread_bps=panel["spread_bps"] / 1e4))
    assert [(one.column, one.likely) for one in found] == [("spread_bps", "a fraction")]
    rates = [name for name in panel if name.endswith("_pct") and ("treasury" in name or name in (
        "yield_pct", "coupon_pct"))]  # fmt: skip
    found = units.find(panel.assign(**{name: panel[name] / 100 for name in rates}))
    assert "treasury_10y_pct" in [one.column for one in found]
    found = units.find(panel.assign(size_log_assets=np.exp(panel["size_log_assets"])))
    assert [one.column for one in found] == ["size_log_assets"]


@pytest.mark.heavy
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_market_seems_to_be_in_other_units(scenario: str):
    """In no scenario: not as a whole, not one letter grade, not one bond, not one row."""
    panel = simulated(bonds=120, scenario=scenario)
    assert units.find(panel) == []
    for key in (panel["rating"].str.rstrip("+-"), panel["bond_id"]):
        for name, rows in panel.groupby(key):
            assert units.find(rows) == [], name
    for row in range(0, len(panel), 40):
        assert units.find(panel.iloc[[row]]) == [], row


def test_a_single_bond_is_scored(run: Path, panel: pd.DataFrame):
    """All of its history, or one row."""
    one = panel[panel["bond_id"] == panel["bond_id"][0]].reset_index(drop=True)
    for rows in (one, one[:1]):
        found = scored(run, rows)
        pd.testing.assert_frame_equal(found[list(Fingerprint.answers)], expected(rows))


@pytest.mark.parametrize("months", [1, 2, 5, 9])
def test_short_panels_are_scored(run: Path, panel: pd.DataFrame, months: int):
    """Features look twelve months back, whether there are so many or not."""
    short = panel[panel["month"] < months].reset_index(drop=True)
    late = expected(short.assign(month=short["month"] + 12))
    found = scored(run, short, rows_a_part=50)
    pd.testing.assert_frame_equal(found[list(Fingerprint.answers)], late)


def test_files_that_cannot_be_used(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """Missing, of an unknown kind, empty, without rows, of another kind than it says."""
    assert "is no file" in refused(run, tmp_path / "none.parquet")
    (tmp_path / "bonds.parqet").touch()
    said = refused(run, tmp_path / "bonds.parqet")
    assert ".parquet, .csv; did you mean '.parquet'?" in said
    for name, content, words in (
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n\n", "is empty"),
        ("empty.parquet", b"", "cannot be read as Parquet"),
        ("text.parquet", b"world,bond_id\n", "cannot be read as Parquet"),
        ("odd.csv", b"\xff\xfe\x00w,\xff\n\x00,\x00\n", "odd.csv: "),
        ("twice.csv", b"world,world\n1,2\n", "world: stands twice in the header"),
        ("semicolons.csv", b"world;bond_id\n0;XZ\n", "separated by ';'"),
    ):
        (tmp_path / name).write_bytes(content)
        assert words in refused(run, tmp_path / name)
    for suffix in (".csv", ".parquet"):
        assert "has no rows" in refused(run, written(panel[:0], tmp_path, suffix))


def test_a_parquet_file_that_ends_in_the_middle(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """Damage behind the header is bad input too."""
    source = written(panel, tmp_path)
    content = bytearray(source.read_bytes())
    content[500:9000] = bytes(8500)
    source.write_bytes(content)
    assert str(source) in refused(run, source)


def test_a_line_with_too_many_fields_is_shown(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """Rows are counted from the one behind the header."""
    source = written(panel, tmp_path, ".csv")
    lines = source.read_text().splitlines()
    lines[3] += ",1,2"
    source.write_text("\n".join(lines) + "\n")
    said = refused(run, source)
    assert f"row 3 has {panel.shape[1] + 2} fields; admissible: {panel.shape[1]}" in said


def test_outputs_that_cannot_be_written(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """There already, the input itself, in no folder, of an unknown kind."""
    source = written(panel, tmp_path)
    assert "--force" in refused(run, source, output=source)
    assert "is the input" in refused(run, source, output=source, overwrite=True)
    assert "is there already" in refused(run, source, output=_folder(tmp_path), overwrite=True)
    assert "is no folder" in refused(run, source, output=tmp_path / "none" / "scores.csv")
    assert ".parquet, .csv" in refused(run, source, output=tmp_path / "scores.txt")
    assert "1 to 256" in refused(run, source, workers=0)


def _folder(base: Path) -> Path:
    place = base / "folder.csv"
    place.mkdir(exist_ok=True)
    return place


def test_an_output_is_replaced_only_if_asked_for(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """And then it has the same bytes again."""
    source, output = written(panel, tmp_path), tmp_path / "scores.parquet"
    scoring.score(run, source, output)
    first = output.read_bytes()
    scoring.score(run, source, output, overwrite=True)
    assert output.read_bytes() == first


def test_an_interruption_leaves_nothing(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """Whether it comes while reading or while asking."""
    source = written(panel, tmp_path)
    for word in ("read", "scored"):
        before = sorted(tmp_path.rglob("*"))

        def stop(done: int, rows: int, now: str, word: str = word) -> None:
            if now == word:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            scoring.score(run, source, tmp_path / "scores.parquet", progress=stop)
        assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_is_bad_input(
    run: Path, panel: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The error names the output."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    source = written(panel, tmp_path)
    monkeypatch.setattr(scores, "_write_parquet", full)
    assert "scores.parquet: has no space left" in refused(run, source)


def test_metadata_say_where_scores_come_from(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """The run, its pack id and the models; nothing claims that the bonds are synthetic."""
    pack = evidence.seal(run)
    source, output = written(panel, tmp_path), tmp_path / "scores.parquet"
    scoring.score(run, source, output)
    words = pq.read_schema(output).metadata
    assert words == {b"run": run.name.encode(), b"models": b"constant, print",
                     b"pack_id": pack.encode()}  # fmt: skip


def test_only_some_champions(run: Path, panel: pd.DataFrame, tmp_path: Path):
    """By name; another name is refused with the nearest."""
    said = refused(run, written(panel, tmp_path), names=("constnt",))
    assert "constnt: is no champion of the run; admissible: constant, print" in said
    assert "did you mean 'constant'?" in said
    Clash().save(run / "models" / "clash")
    assert "constant: is the name of two columns" in refused(run, written(panel, tmp_path))
    assert list(scored(run, panel, names=("constant",))) == [*KEYS, "constant", "problems"]


def test_runs_without_usable_champions(run: Path, tmp_path: Path):
    """No models at all, or one that no register knows."""
    with pytest.raises(BadInput, match="has no champions"):
        scoring.load_champion(tmp_path, "print")
    (run / "models" / "sprad").mkdir()
    with pytest.raises(BadInput, match="is not a model"):
        scoring.load_champion(run, "sprad")


def changed_file(folder: Path) -> None:
    (folder / "nothing.json").write_text("{} ")


def changed_with_its_card(folder: Path) -> None:
    (folder / "nothing.json").write_text("{} ")
    write_card(folder, "print", features.FEATURES, {}, ["nothing.json"])


def linked(folder: Path) -> None:
    (folder / "nothing.json").rename(folder.parent.parent / "elsewhere.json")
    (folder / "nothing.json").symlink_to(folder.parent.parent / "elsewhere.json")


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (changed_file, "models/print/nothing.json: has been changed"),
        (changed_with_its_card, "models/print/model.json: has been changed"),
        (lambda folder: (folder / "more.bin").touch(), "more.bin: is not part of the sealed run"),
        (lambda folder: (folder / "nothing.json").unlink(), "nothing.json: is missing"),
        (linked, "is a symbolic link"),
    ],
)
def test_a_tampered_model_of_a_sealed_run_is_not_loaded(
    run: Path, panel: pd.DataFrame, tmp_path: Path, tamper: Callable[[Path], None], words: str
):
    """Not even if its card was rewritten to match; nothing is written."""
    source = written(panel, tmp_path)
    evidence.seal(run)
    tamper(run / "models" / "print")
    assert words in refused(run, source)
    assert "constant" in scored(run, panel, names=["constant"])


def test_a_damaged_model_of_an_open_run_is_not_loaded(run: Path):
    """Without a seal the card is what it is held against."""
    changed_file(run / "models" / "print")
    with pytest.raises(BadInput, match="is not the file that was saved"):
        scoring.load_champion(run, "print")


def test_a_champion_in_memory(run: Path, panel: pd.DataFrame):
    """Keys and answers under the frame's own index; the frame is left as it was."""
    champion = bondx_lib.load_champion(run, "print")
    frame = panel.set_index(panel.index + 100)
    before = frame.copy()
    found = champion.predict(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert found.index.equals(frame.index)
    assert list(found) == [*KEYS, *Fingerprint.answers]
    answers = expected(panel).set_index(frame.index)
    pd.testing.assert_frame_equal(found[list(Fingerprint.answers)], answers)
    built = features.build(panel).set_index(frame.index)
    pd.testing.assert_frame_equal(champion.features(frame), built)
    assert champion.card() == {"purpose": "a test"}


def test_a_champion_refuses_what_the_command_refuses(run: Path, panel: pd.DataFrame):
    """With the same words, and repeated rows unless they are asked for."""
    champion = scoring.load_champion(run, "print")
    with pytest.raises(BadInput, match=r"frame: 1 problem in its rows"):
        champion.predict(set_to("rating", "Z")(panel))
    with pytest.raises(BadInput, match="leverage"):
        champion.predict(panel.drop(columns="leverage"))
    with pytest.raises(BadInput, match="has no rows"):
        champion.predict(panel[:0])
    with pytest.raises(BadInput, match="cannot be taken as a table"):
        champion.predict(set_to("leverage", "high")(panel))
    double = pd.concat([panel, panel[:1]])
    with pytest.raises(BadInput, match="duplicates="):
        champion.predict(double)
    assert len(champion.predict(double, duplicates="score")) == len(double)


def test_the_command(run: Path, panel: pd.DataFrame, tmp_path: Path, capsys: Any):
    """Finds the run by the beginning of its name, says what it did, and what it ignored."""
    source, output = written(panel.assign(desk="B"), tmp_path), tmp_path / "scores.csv"
    call = ["score", "--runs", str(run.parent), "--run", run.name[:8], "--input", str(source),
            "--output", str(output), "--models", "constant", "--quiet"]  # fmt: skip
    assert cli.main(call) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{len(panel):,} rows scored by constant in {output}; ")
    assert shown.err == "ignored columns: desk\n"
    assert cli.main(call) == 2
    assert "--force" in capsys.readouterr().err
    assert cli.main([*call, "--force"]) == 0


def test_the_command_reports_bad_rows_without_a_traceback(
    run: Path, panel: pd.DataFrame, tmp_path: Path, capsys: Any
):
    """Exit code 2 and the list."""
    source = written(set_to("rating", "Z")(panel), tmp_path)
    call = ["score", "--run", str(run), "--input", str(source), "--output",
            str(tmp_path / "scores.parquet")]  # fmt: skip
    assert cli.main(call) == 2
    shown = capsys.readouterr().err
    assert "error: " in shown
    assert "row 5 " in shown
    assert "Traceback" not in shown
