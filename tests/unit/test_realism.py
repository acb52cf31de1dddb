"""The scorecard and the fit: known answers, negative controls, one line per fact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bondx_lib import cli, parameters
from bondx_lib.market import calibration, constants, facts, macro, measures, realism, simulation
from bondx_lib.schema import LETTERS

FEW = {"seeds": 3, "months": 132, "blocks": 1}


@pytest.fixture(scope="module")
def sample():
    """A market of moderate size."""
    return measures.draw(1, months=180, blocks=2)


@pytest.fixture(scope="module")
def measured(sample):
    """Its statistics."""
    return measures.measure(sample)


def test_every_statistic_is_a_fact(measured):
    """What is measured has a published figure, and at least sixty facts of many kinds are there."""
    known = set(facts.table().index)
    assert set(measured) - known <= {f"oas_ratio.BBB.p{part}" for part in (10, 50, 90)} | {
        f"oas_change.sd_ratio.{name}" for name in ("AAA", "BBB", "CCC")
    } | {"half_spread.AAA", "half_spread.AA"}
    shown = set(measured) & known
    assert len(shown) > 200
    assert {name.split(".")[0] for name in shown} >= {
        "transition_1y", "default_5y", "momentum", "oas_level", "oas_ratio", "oas_ar1",
        "oas_change", "cross_section", "return", "half_spread", "liquidity_share", "crisis_peak",
        "zero_trading_days", "esg", "news", "ratio", "ig_bond", "issuer_mix",
    }  # fmt: skip


def test_transitions_sum_to_one_and_are_those_of_the_paths(sample, measured):
    """Each letter's moves share out its issuers; a count by hand of one letter agrees."""
    for name in LETTERS:
        shares = [measured[f"transition_1y.{name}.{end}"] for end in (*LETTERS, "D", "NR")]
        assert sum(shares) == pytest.approx(100)
    now = later = 0
    for firms in sample.issuers:
        rating = firms.rating[measures.BURN_IN :]
        generation = firms.generation[measures.BURN_IN :]
        for seat in range(rating.shape[1]):
            for month in range(len(rating) - 12):
                if 8 <= rating[month, seat] <= 10:
                    now += 1
                    stays = generation[month, seat] == generation[month + 12, seat]
                    later += bool(stays and 8 <= rating[month + 12, seat] <= 10)
    assert measured["transition_1y.BBB.BBB"] == pytest.approx(100 * later / now)


def test_index_is_the_value_weighted_mean(sample):
    """One month of one letter, computed by hand."""
    frame = sample.frame
    level = measures._index(frame, 180, frame["letter"].to_numpy(), 7)
    rows = frame[(frame["month"] == 50) & (frame["letter"] == 3) & (frame["maturity_years"] >= 1)]
    expected = np.average(rows["spread_bps"], weights=rows["amount_outstanding_usd"])
    assert level[50, 3] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("mean", "low", "high", "expected"),
    [
        (11.0, 10.5, 11.5, "pass"), (12.1, 11.9, 12.3, "fail"), (7.9, 7.5, 8.3, "fail"),
        (10.0, 7.0, 13.0, "not enough data"), (None, None, None, "not enough data"),
    ],
)  # fmt: skip
def test_verdict(mean, low, high, expected):
    """Within the tolerance passes, outside fails, too wide an interval says nothing."""
    assert realism.verdict(10.0, 2.0, mean, low, high) == expected


def test_a_market_with_doubled_spreads_fails(measured):
    """Negative control: spreads twice as wide are noticed in every letter's level."""
    wide = [
        {name: value * (2 if name.startswith("oas_level.") else 1)
         for name, value in measured.items()} | {"noise": place}
        for place in range(3)
    ]  # fmt: skip
    lines = {line.fact: line.verdict for line in realism.compare(wide)}
    assert sum(lines[f"oas_level.{name}.p50"] == "fail" for name in LETTERS) >= 6


def test_workers_do_not_change_the_scorecard():
    """One process and two give the same lines, in the order of the facts."""
    first = realism.scorecard(2, 132, 1, workers=1)
    assert first == realism.scorecard(2, 132, 1, workers=2)
    order = list(facts.table().index)
    assert [line.fact for line in first] == sorted((x.fact for x in first), key=order.index)


def test_command_prints_lines_and_sets_the_exit_code(capsys, monkeypatch):
    """Below the aim the exit code is 1; text and JSON say the same."""
    lines = realism.scorecard(**FEW)
    monkeypatch.setattr(realism, "scorecard", lambda *a, **named: named["progress"](1) or lines)
    expected = 0 if realism.share_passed(lines) >= realism.AIM else 1
    assert cli.main(["realism"]) == expected
    text = capsys.readouterr().out
    assert all(line.fact in text for line in lines)
    assert f"{len(lines)} facts" in text
    assert cli.main(["realism", "-q", "--json"]) == expected
    assert [row["fact"] for row in json.loads(capsys.readouterr().out)] == [
        line.fact for line in lines
    ]
    monkeypatch.setattr(realism, "AIM", 1.01)
    assert cli.main(["realism", "-q", "--failing"]) == 1
    assert cli.main(["realism", "--seeds", "1"]) == 2


def test_kept_scorecard_is_of_the_present_facts_and_constants():
    """It reaches the aim, holds every fact that can be shown, and is not out of date."""
    lines = realism.saved()
    assert not realism.out_of_date(), f"run `{realism.MADE_BY}`"
    assert len(lines) >= 60
    assert realism.share_passed(lines) >= realism.AIM
    table = facts.table()
    assert all(line.published == table.at[line.fact, "value"] for line in lines)


def test_scorecard_is_kept_and_read_again(tmp_path, monkeypatch, capsys):
    """The file holds the lines as they were printed; other constants make it out of date."""
    lines = realism.saved()[:5]
    monkeypatch.setattr(constants, "__file__", str(tmp_path / "constants.py"))
    monkeypatch.setattr(realism, "scorecard", lambda *a, **named: lines)
    cli.main(["realism", "-q", "--save"])
    assert str(tmp_path / realism.FILE_NAME) in capsys.readouterr().err
    kept = json.loads((tmp_path / realism.FILE_NAME).read_text())
    assert [realism.Line(**line) for line in kept["lines"]] == lines
    monkeypatch.setattr(realism, "digest", lambda: "other")
    assert realism.out_of_date()


def test_constants_are_all_fitted_or_say_so():
    """Every constant has at least one target, and the file is what the fit writes."""
    aimed = {target.constant for target in calibration.TARGETS}
    assert aimed == set(constants.fitted())
    path = Path(constants.__file__).with_name(constants.FILE_NAME)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["made_by"] == "make calibrate"
    for entry in document["constants"].values():
        assert entry["fitted_to"]
        for target in entry["fitted_to"]:
            assert {"target", "published", "simulated", "place"} <= set(target)


def test_unknown_constant_is_a_bug_that_names_the_nearest():
    """A misspelt name is no silent default."""
    with pytest.raises(KeyError, match=r"spread.level_bps"):
        constants.array("spread.level_bp")


def test_fit_finds_a_constant_again(monkeypatch):
    """A constant moved away comes back towards what its target asks for."""
    only = [t for t in calibration.TARGETS if t.constant == "bonds.log_size"]
    monkeypatch.setattr(calibration, "TARGETS", tuple(only))
    monkeypatch.setattr(measures, "MONTHS", 24)
    moved = {**constants.fitted(), "bonds.log_size": constants.array("bonds.log_size") + 1.0}
    monkeypatch.setattr(constants, "fitted", lambda: moved)
    said: list[str] = []
    monkeypatch.setattr(calibration, "_simulated", _size_only)
    document = calibration.fit(rounds=6, seeds=1, progress=said.append)
    (target,) = document["constants"]["bonds.log_size"]["fitted_to"]
    assert target["simulated"] == pytest.approx(target["published"], abs=0.05)
    assert len(said) == 7


def _size_only(pool, now, seeds):
    """Return the median issue size alone; the rest of the statistics is of no matter here."""
    with constants.using(now):
        chosen = parameters.load(None, {"history_months": 24})
        world = simulation.world_of(chosen, "fit")
        paper = world.bonds(world.issuers(0))
    return {"issue_size.p50": float(np.median(paper.amount) / 1e6)}


def test_written_constants_are_rounded_and_read_again(tmp_path, monkeypatch):
    """The file is strict JSON with four digits."""
    monkeypatch.setattr(constants, "__file__", str(tmp_path / "constants.py"))
    path = calibration.write({"constants": {"a": {"value": calibration._rounded([1 / 3, np.nan])}}})
    assert json.loads(path.read_text())["constants"]["a"]["value"] == [0.3333, None]


def test_stress_is_rare_and_deep_stress_rarer():
    """Over many years stress takes about a tenth of the months, and few are deep."""
    months = 6000
    path = macro.history(months, 0, (), np.random.default_rng(5))
    stressed = path.regime == macro.STRESS
    assert 0.05 < stressed.mean() < 0.2
    assert path.premium[stressed].mean() > path.premium[~stressed].mean() + 0.2
    assert path.premium.max() > 3 * np.median(path.premium[stressed])
