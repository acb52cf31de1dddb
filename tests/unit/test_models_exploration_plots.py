"""Figures of how models work: what they say of small frames, and what is missing in them."""

from __future__ import annotations

import pandas as pd
import pytest

from bondx_lib import plots
from bondx_lib.plots import models_exploration

from . import model_frames as frames


def test_words_hold_the_numbers_of_the_frame() -> None:
    """Skills, shares, effects, segments, parts and coverage are those put in."""
    assert "Spread −0.35 (−0.40) with 2, 0.28" in plots.describe_learning_curves(frames.curves())
    assert "Anomaly price gap 60 %, repeated row 10 %" in plots.describe_importance(frames.rises())
    words = plots.describe_effects_against_law(frames.effects(), "log spread")
    assert "1 of 3 agree with the law" in words
    assert "BB to B 0.12 against 0.30, news 0.04." in words
    words = plots.describe_gain_by_segment(frames.gains())
    assert "Spread most for AAA (67 %) and least for stress (−8 %)" in words
    words = plots.describe_one_answer(frames.added())
    assert "Spread: credit 0.80, terms −0.30; Downgrade: credit 1.20, economy −0.40." in words
    words = plots.describe_coverage_by_rating(frames.coverage(), 0.9)
    assert "inside the 90 % prediction interval" in words
    assert "AAA 94 % (factor 2.01)" in words


def test_all_effects_that_agree_need_no_exception() -> None:
    """Nothing is listed where nothing differs."""
    one = frames.effects().head(1)
    words = plots.describe_effects_against_law(one, "log spread")
    assert words.endswith("1 of 1 agree with the law of the market.")
    assert len(plots.png(plots.effects_against_law(one, "log spread"))) > 1000


def test_unknown_ends_and_skills_are_left_out() -> None:
    """A segment without an interval, an interval without a width, a skill that nobody knows."""
    segments = frames.gains()
    segments.loc[3, ["low", "high"]] = None
    assert len(plots.png(plots.gain_by_segment(segments))) > 1000
    curves = frames.curves()
    curves.loc[0, ["skill", "skill_low", "skill_high"]] = float("nan")
    assert "Spread unknown (−0.40) with 2" in plots.describe_learning_curves(curves)
    assert len(plots.png(plots.learning_curves(curves))) > 1000
    coverage = frames.coverage().assign(width=None)
    assert "factor 2" not in plots.describe_coverage_by_rating(coverage, 0.9)
    assert len(plots.png(plots.coverage_by_rating(coverage, 0.9))) > 1000


@pytest.mark.parametrize("number", [1, 3])
def test_any_number_of_models_can_be_drawn(number: int) -> None:
    """One model fills the figure, an odd one leaves a place empty; strangers have a colour."""
    names = ["spread", "of_my_own", "anomaly"][:number]
    curves = pd.concat([frames.curves().head(3).assign(model=name) for name in names])
    rises = pd.concat([frames.rises().head(3).assign(model=name) for name in names])
    for figure in (plots.learning_curves(curves), plots.importance(rises)):
        assert sum(ax.get_visible() for ax in figure.axes) == number
        assert len(plots.png(figure)) > 1000
    assert number == 1 or "Of my own" in plots.describe_importance(rises)


def test_segments_stand_in_their_own_order() -> None:
    """Ratings first, from best to worst, then sectors and regimes, whatever order they came in."""
    mixed = frames.gains().sample(frac=1, random_state=1)
    names = models_exploration._segments(mixed)
    assert names == models_exploration._segments(frames.gains())
    assert [by for by, _ in names] == sorted(
        [by for by, _ in names], key="rating sector regime".find
    )
