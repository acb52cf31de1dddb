"""Figures of the market's behaviour: what they are made of, and what is missing in small frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bondx_lib import plots
from bondx_lib.plots import exploration
from bondx_lib.schema import LETTERS, letter

from . import figure_frames as frames


def test_words_hold_the_numbers_of_the_frame() -> None:
    """Calm and stressed medians, counts of verdicts and steps of ratings are those put in."""
    panel = frames.regimes()
    in_stress = panel[(panel["regime"] == "stress") & (panel["rating"].map(letter) == "BBB")]
    typical = in_stress.groupby("date")["spread_bps"].median().median()
    words = plots.describe_spread_through_regimes(panel)
    assert "24 months, 5 of them in stress" in words
    assert f"and {typical:,.0f}" in words.split("BBB")[1].split(",")[0]
    assert "of 65 with enough data 64 pass and 1 fail" in plots.describe_realism(frames.scorecard())
    assert "oas_level.BB.p50 (+5.0)" in plots.describe_realism(frames.scorecard())
    assert "63 of 63" in plots.describe_transitions(frames.scorecard())
    assert "1 downgrades and 0 upgrades" in plots.describe_issuer_life(panel, "SX-0005")
    assert "recession: BBB spread 181 bp" in plots.describe_scenario_fan(frames.paths(), 10)


def test_missing_letters_are_left_out() -> None:
    """A market of two letters is drawn, and the others are not spoken of."""
    panel = frames.regimes()
    panel = panel[panel["rating"].map(letter).isin(("BBB", "BB"))]
    assert len(plots.png(plots.spread_through_regimes(panel))) > 1000
    assert " AA " not in plots.describe_spread_through_regimes(panel)
    few = frames.scorecard()
    few = few[~few["fact"].str.startswith("transition_1y.AAA")]
    few.loc[few["fact"] == "transition_1y.B.B", "simulated"] = np.nan
    assert len(plots.png(plots.transitions(few))) > 1000
    words = plots.describe_transitions(few)
    assert "AAA" not in words
    assert " B 8" not in words
    assert "53 of 53" in words


def test_a_calm_market_has_no_stress_to_show() -> None:
    """Without a month of stress nothing is shaded, and the words say that it is not known."""
    panel = frames.regimes().assign(regime="expansion")
    for figure in (
        plots.spread_through_regimes(panel),
        plots.curve_by_regime(panel),
        plots.issuer_life(panel, "SX-0005"),
    ):
        assert len(plots.png(figure)) > 1000
    assert "0 of them in stress" in plots.describe_spread_through_regimes(panel)
    assert "unknown" in plots.describe_spread_through_regimes(panel)
    assert "stress 1" not in plots.describe_curve_by_regime(panel)


def test_facts_without_an_interval_are_drawn() -> None:
    """One seed alone gives no interval: its facts stand there as open."""
    lines = frames.scorecard().assign(low=None, high=None, verdict="not enough data")
    assert len(plots.png(plots.realism(lines))) > 1000
    assert "of 0 with enough data 0 pass" in plots.describe_realism(lines)
    unseen = frames.scorecard()
    unseen.loc[0, "simulated"] = np.nan
    assert "65 published facts" in plots.describe_realism(unseen)


def test_what_lies_far_out_is_cut_off_and_said_in_full() -> None:
    """A fact many tolerances away stands at the edge; the words have its true distance."""
    lines = frames.scorecard()
    lines.loc[64, "simulated"] = 1200.0
    figure = plots.realism(lines)
    assert figure.axes[0].get_xlim() == (-exploration.CLIP, exploration.CLIP)
    drawn = np.concatenate([np.asarray(line.get_xdata(), float) for line in figure.axes[0].lines])
    assert np.abs(drawn).max() == exploration.CLIP
    assert "(+50.0)" in plots.describe_realism(lines)


def test_verdicts_differ_in_shape_and_colour() -> None:
    """Pass and fail are told apart in grey print too; open facts are hollow."""
    dots = [line for line in plots.realism(frames.scorecard()).axes[0].lines
            if line.get_linestyle() == "None"]  # fmt: skip
    marks = {(dot.get_marker(), str(dot.get_markerfacecolor())) for dot in dots}
    assert len(marks) == 3


def test_scenario_paths_count_what_the_panel_shows() -> None:
    """Medians are by scenario, world and month; downgrades are summed over twelve months."""
    panel = frames.regimes().assign(scenario="baseline", world=0)
    paths = exploration.scenario_paths(panel)
    first = panel[(panel["month"] == 0) & panel["rating_number"].between(8, 10)]
    assert paths.loc[0, "bbb_spread_bps"] == first["spread_bps"].median()
    assert paths["downgrades_pct"].isna().sum() == 11
    assert_allclose(paths["downgrades_pct"].dropna().iloc[0], 100.0)


def test_the_eventful_issuer_changes_most_and_has_several_bonds() -> None:
    """One bond's issuer is passed over for one with three, unless there is no other."""
    months = np.repeat(np.arange(10), 4)
    panel = pd.DataFrame(
        {
            "month": months,
            "issuer_id": ["lone", "rich", "rich", "rich"] * 10,
            "bond_id": ["a", "b", "c", "d"] * 10,
            "rating_number": np.where(np.tile([1, 0, 0, 0], 10), months % 5, months // 5),
        }
    )
    assert exploration.eventful_issuer(panel) == "rich"
    assert exploration.eventful_issuer(panel[panel["issuer_id"] == "lone"]) == "lone"


def test_chances_that_are_true_are_found_so() -> None:
    """Events drawn with their chances fall into their intervals; halved chances do not."""
    rng = np.random.default_rng(3)
    chance = pd.Series(rng.uniform(0, 0.4, 20_000))
    happened = pd.Series((rng.uniform(size=20_000) < chance).astype(float))
    happened.iloc[:100] = np.nan
    table = exploration.chance_deciles(chance, happened)
    assert table["rows"].sum() == 19_900
    inside = (table["low"] <= table["predicted"]) & (table["predicted"] <= table["high"])
    assert inside.sum() >= 8
    biased = exploration.chance_deciles(chance / 2, happened)
    assert (
        (biased["low"] <= biased["predicted"]) & (biased["predicted"] <= biased["high"])
    ).sum() < 3
    assert len(plots.png(plots.calibration(table))) > 1000


@pytest.mark.parametrize("name", LETTERS)
def test_small_shares_do_not_read_as_none(name: str) -> None:
    """A share that rounds to nothing is told apart from none."""
    lines = frames.scorecard()
    lines.loc[lines["fact"] == f"transition_1y.{name}.{name}", "simulated"] = 0.01
    assert f"{name} <0.1" in plots.describe_transitions(lines)
