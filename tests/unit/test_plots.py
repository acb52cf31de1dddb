"""Figures: every one is drawn, described in words, deterministic, and leaves no trace."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bondx_lib import plots
from bondx_lib.errors import BadInput
from bondx_lib.plots.style import (
    MODEL_COLOURS,
    SPARE_COLOURS,
    WIDTH_INCHES,
    colours,
    spread_apart,
)
from bondx_lib.plots.training import improvements
from bondx_lib.schema import MODELS

from . import figure_frames as frames
from . import model_frames

FIGURES: dict[str, tuple[Any, ...]] = {
    "audit_skill": (frames.audit(),),
    "bond_life": (frames.life(), "XZ0000000003"),
    "calibration": (frames.deciles(),),
    "convergence": (frames.scores(), 0.001, 3),
    "coverage_by_rating": (model_frames.coverage(), 0.9),
    "curve_by_regime": (frames.regimes(),),
    "effects_against_law": (model_frames.effects(), "log spread"),
    "gain_by_segment": (model_frames.gains(),),
    "gates_by_epoch": (frames.findings(),),
    "importance": (model_frames.rises(),),
    "issuer_life": (frames.regimes(), "SX-0005"),
    "learning_by_run": (frames.learning_by_run(),),
    "learning_curves": (model_frames.curves(),),
    "loss_by_rating": (frames.segments(),),
    "one_answer": (model_frames.added(),),
    "power": (frames.power("keys", "coverage", "psi"),),
    "quality_by_epoch": (frames.quality(),),
    "rating_and_sector_mix": (frames.panel(),),
    "realism": (frames.scorecard(),),
    "recall_by_corruption": (frames.recalls(),),
    "scenario_fan": (frames.paths(), 10),
    "skill_by_epoch": (frames.skills(),),
    "skill_by_run": (frames.skill_by_run(),),
    "spread_by_rating_and_maturity": (frames.panel(),),
    "spread_by_rating_through_time": (frames.panel(),),
    "spread_through_regimes": (frames.regimes(),),
    "training_time": (frames.times(),),
    "transitions": (frames.scorecard(),),
}


def test_every_public_figure_is_under_test_and_has_its_words() -> None:
    """The list above is the list of public figures, each with a describe function."""
    public = {
        name
        for name in plots.__all__
        if callable(getattr(plots, name))
        and not name.startswith("describe_")
        and name not in ("png", "themed_svg")
    }
    assert public == set(FIGURES)
    assert all(f"describe_{name}" in plots.__all__ for name in FIGURES)


@pytest.mark.heavy
@pytest.mark.parametrize("name", FIGURES)
def test_same_frame_same_bytes(name: str) -> None:
    """Drawn twice, a figure gives equal PNG bytes of the one width, without a date inside."""
    draw, arguments = getattr(plots, name), FIGURES[name]
    figure = draw(*arguments)
    first = plots.png(figure)
    assert first == plots.png(draw(*arguments))
    assert first.startswith(b"\x89PNG")
    assert b"tEXt" not in first
    assert b"tIME" not in first
    assert figure.get_size_inches()[0] == WIDTH_INCHES


@pytest.mark.parametrize("name", FIGURES)
def test_other_numbers_other_words(name: str) -> None:
    """The alternative text carries numbers of the frame, so another frame reads differently."""
    describe, (frame, *settings) = getattr(plots, f"describe_{name}"), FIGURES[name]
    text = describe(frame, *settings)
    other = describe(_changed(frame), *settings)
    assert text.endswith(".")
    assert any(character.isdigit() for character in text)
    assert text != other


@pytest.mark.parametrize("name", FIGURES)
def test_leaves_frame_and_style_alone(name: str) -> None:
    """Drawing changes neither the frame nor matplotlib's settings."""
    frame, *settings = FIGURES[name]
    before, style = frame.copy(), dict(mpl.rcParams)
    figure = getattr(plots, name)(frame, *settings)
    assert isinstance(figure, Figure)
    pd.testing.assert_frame_equal(frame, before)
    assert dict(mpl.rcParams) == style


def test_bond_that_is_not_there_is_bad_input() -> None:
    """The message names the bond and the nearest one."""
    with pytest.raises(BadInput, match=r"no bond of these data.*did you mean 'XZ0000000003'"):
        plots.bond_life(frames.life(), "XZ000000000E3")


def test_themed_figure_follows_the_page_and_says_what_it_shows() -> None:
    """Ink becomes theme variables, paper transparent; the same figure gives the same text."""
    frame = frames.panel()
    drawn = plots.themed_svg(plots.spread_by_rating_through_time(frame), 'spreads & "more"')
    assert drawn == plots.themed_svg(plots.spread_by_rating_through_time(frame), 'spreads & "more"')
    assert drawn.startswith('<svg role="img" aria-label="spreads &amp; &quot;more&quot;"')
    assert "var(--jp-ui-font-color1, #1c2733)" in drawn
    assert "fill: #ffffff" not in drawn
    assert "<script" not in drawn
    ElementTree.fromstring(drawn)


@pytest.mark.parametrize("epochs", [1, 2, 100])
def test_any_number_of_epochs_can_be_drawn(epochs: int) -> None:
    """The figures over epochs hold for the first epoch and for the hundredth."""
    for figure in (
        plots.skill_by_epoch(frames.skills(epochs)),
        plots.quality_by_epoch(frames.quality(epochs)),
        plots.gates_by_epoch(frames.findings(epochs)),
        plots.convergence(frames.scores(epochs), 0.001, 10),
        plots.training_time(frames.times(epochs)),
    ):
        assert len(plots.png(figure)) > 1000


def test_an_unknown_skill_is_said_and_not_drawn() -> None:
    """A skill that could not be measured appears in words, in the figure and in its text."""
    audit = frames.audit()
    audit.loc[1, ["skill", "skill_low", "skill_high"]] = float("nan")
    assert plots.png(plots.audit_skill(audit)) != plots.png(plots.audit_skill(frames.audit()))
    assert "Downgrade not known" in plots.describe_audit_skill(audit)
    skills = frames.skills()
    skills.loc[skills["model"] == "spread", ["skill", "skill_low", "skill_high"]] = float("nan")
    assert len(plots.png(plots.skill_by_epoch(skills))) > 1000
    assert "Spread not known" in plots.describe_skill_by_epoch(skills)


def test_a_skill_below_the_figure_is_said() -> None:
    """A panel whose line lies below its edge says where the line is."""
    skills = frames.skills()
    skills.loc[skills["model"] == "spread", ["skill", "skill_low"]] = -5.0
    words = [[text.get_text() for text in ax.texts] for ax in plots.skill_by_epoch(skills).axes]
    assert "below −1" in words[0]
    assert "below −1" not in words[1]


def test_gates_text_names_what_failed() -> None:
    """A failed gate is named with the number of epochs it failed in."""
    assert "esg missing in 1" in plots.describe_gates_by_epoch(frames.findings())
    passing = frames.findings().assign(verdict="pass")
    assert "none failed" in plots.describe_gates_by_epoch(passing)


def test_convergence_text_gives_the_bound_once_it_can() -> None:
    """A steady rise is its own bound; too few epochs are said to be too few."""
    rising = frames.scores(6).assign(challenger=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    text = plots.describe_convergence(rising, 0.001, 3)
    assert "gained 0.10000 an epoch, with 95 % confidence at most 0.10000." in text
    assert "too few yet" in plots.describe_convergence(rising, 0.001, 4)


def test_improvement_is_over_the_best_before() -> None:
    """A recovery that only regains a lost height is no improvement."""
    scores = pd.DataFrame({"epoch": [1, 2, 3, 4], "score": [0.5, 0.8, 0.6, 0.8]})
    assert improvements(scores)["improvement"].tolist() == pytest.approx([0, 0.3, -0.2, 0])


def test_labels_keep_their_distance() -> None:
    """Labels at one height are pushed apart, far ones stay where they are."""
    placed = spread_apart([2.0, 2.0, 2.0, 9.0], 0.5)
    assert sorted(placed) == [2.0, 2.5, 3.0, 9.0]


def test_every_model_has_its_colour() -> None:
    """No two models share a colour, not even with a few that packages add."""
    assert set(MODEL_COLOURS) == set(MODELS)
    known = colours([*MODELS, *(f"own_{place}" for place in range(len(SPARE_COLOURS)))])
    assert len(set(known.values())) == len(known) == len(MODELS) + len(SPARE_COLOURS)


@pytest.mark.parametrize(
    ("figure", "frame"),
    [
        ("audit_skill", frames.audit()),
        ("calibration", frames.deciles()),
        ("loss_by_rating", frames.segments()),
        ("skill_by_epoch", frames.skills()),
        ("training_time", frames.times()),
    ],
)
def test_a_model_of_another_package_is_drawn_and_named(figure: str, frame: pd.DataFrame) -> None:
    """No figure needs the list of the project's own models; names become words."""
    first = frame[frame["model"] == frame["model"].iloc[-1]]
    more = pd.concat([first.assign(model="bid_ask"), frame], ignore_index=True)
    if "known" in more:
        more.loc[more["model"] == "bid_ask", "known"] = False
    drawn = getattr(plots, figure)(more)
    assert plots.png(drawn) != plots.png(getattr(plots, figure)(frame))
    assert getattr(plots, f"describe_{figure}")(more).count("Bid ask") == 1


def test_the_simplest_method_has_a_mark_of_its_own() -> None:
    """A hollow diamond for each model, named in the figure's text with its number."""
    (axes,) = plots.audit_skill(frames.audit()).axes
    marks = [line.get_marker() for line in axes.lines]
    assert marks.count("D") == marks.count("o") == len(MODELS)
    text = plots.describe_audit_skill(frames.audit())
    assert "hollow diamond" in text
    assert "simplest method 0.66" in text


def test_no_ceiling_is_said_in_figure_and_text() -> None:
    """Where no ceiling is known, the axis names the model so, and the text explains the number."""
    audit = frames.audit().assign(known=[True, True, True, False])
    (axes,) = plots.audit_skill(audit).axes
    assert "no ceiling known" in axes.get_yticklabels()[3].get_text()
    assert plots.describe_audit_skill(audit).count("because no ceiling is known") == 1
    skills = frames.skills().assign(known=False)
    assert plots.png(plots.skill_by_epoch(skills)) != plots.png(
        plots.skill_by_epoch(frames.skills())
    )


def test_segments_without_an_interval_are_drawn() -> None:
    """A segment of one issuer may have no interval."""
    segments = frames.segments().assign(low=float("nan"), high=float("nan"))
    assert len(plots.png(plots.loss_by_rating(segments))) > 1000


@pytest.mark.parametrize("colour", [*MODEL_COLOURS.values(), *SPARE_COLOURS])
def test_colours_stand_out_from_paper(colour: str) -> None:
    """Labels in a model's colour have a contrast of at least 4.5 to 1 against white."""
    channels = mpl.colors.to_rgb(colour)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


def _changed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with other numbers, ratings and verdicts."""
    changed = frame.copy()
    for name in changed.select_dtypes("float").columns:
        changed[name] = changed[name] * 0.5
    if "verdict" in changed:
        changed["verdict"] = "fail"
    if "sector" in changed:
        changed["rating"] = "A"
    return changed
