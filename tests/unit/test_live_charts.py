"""Charts of a running run: well-formed, described, theme-aware, with the numbers of the report."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bondx_lib import parameters, runlog
from bondx_lib.dashboard import charts, history
from bondx_lib.dashboard.charts import Chart, Series
from bondx_lib.report import record

from . import report_factory


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> runlog.RunState:
    run_dir = report_factory.write(tmp_path_factory.mktemp("runs") / "run", epochs=24)
    return record.read(run_dir).state


def everything(state: runlog.RunState) -> list[Chart]:
    found = [history.quality_chart(state), history.mean_skill_chart(state),
             history.bound_chart(state), history.training_chart(state)]  # fmt: skip
    return [*history.skill_charts(state), *filter(None, found)]


def places(drawn: str, kind: str) -> list[float]:
    """Return the heights at which elements of a class are drawn."""
    found = [e for e in ElementTree.fromstring(drawn).iter() if e.get("class") == kind]
    return [float(e.get("cy") or e.get("y1") or 0) for e in found]


def test_every_chart_is_whole_and_described(state: runlog.RunState) -> None:
    """Each is well-formed, has a caption and an alternative text with numbers, and no script."""
    drawn = everything(state)
    assert len(drawn) == 8
    for chart in drawn:
        text = charts.svg(chart)
        ElementTree.fromstring(text)
        assert f"<figcaption>{chart.title}</figcaption>" in text
        assert any(character.isdigit() for character in chart.description)
        assert "NaN" not in text
        assert "#" not in text, "colours come from the page"


def test_charts_show_the_numbers_of_the_report(state: runlog.RunState) -> None:
    """Champions, promotions, quality and mean skill are those of the report's frames."""
    frame = record.skills(history.of(state))
    for chart, model in zip(history.skill_charts(state), state.parameters["models"], strict=True):
        rows = frame[frame["model"] == model]
        series = {one.name: list(one.points) for one in chart.series}
        assert [value for _, value in series["champion"]] == rows["skill"].tolist()
        assert len(series["promoted"]) == rows["promoted"].sum()
        assert len(series["challengers"]) == 24
    quality = history.quality_chart(state)
    assert quality is not None
    assert len(quality.series[0].points) == 24


def test_bound_is_shown_once_it_is_judged(state: runlog.RunState) -> None:
    """Its last value is what the stopping rule compares with the threshold."""
    chart = history.bound_chart(state)
    assert chart is not None
    gain, bound = chart.series
    assert [epoch for epoch, _ in bound.points] == list(range(20, 25))
    assert all(b is not None and g is not None and b >= g
               for (_, g), (_, b) in zip(gain.points, bound.points, strict=True))  # fmt: skip
    assert chart.levels[0][0] == parameters.default().convergence_threshold


def test_young_run_has_no_charts_yet(tmp_path: Path) -> None:
    """Before the first epoch there is nothing to draw; after one there is a point."""
    young = runlog.RunState(parameters=parameters.default().model_dump(mode="json"))
    assert everything(young) == []
    one = record.read(report_factory.write(tmp_path / "run", epochs=1)).state
    assert history.bound_chart(one) is None
    quality = history.quality_chart(one)
    assert quality is not None
    assert len(places(charts.svg(quality), "point")) == 1


def test_values_beyond_the_axis_stand_at_its_edge() -> None:
    """A challenger far below the floor does not flatten the champions; a hole is left out."""
    points = [(1, 0.5), (2, -40.0), (3, None), (4, 2.0)]
    chart = Chart("t", "d", (Series("dots", points, "dots"),), low=0.0, high=1.0)
    heights = places(charts.svg(chart), "dot")
    low, high = charts.HEIGHT - charts.BOTTOM, charts.TOP
    assert heights == [pytest.approx((low + high) / 2), low, high]


def test_names_of_close_levels_stand_apart() -> None:
    """Lines stay where they are, their names do not overlap; text from data is escaped."""
    levels = ((0.5, "a<b"), (0.51, "c"), (0.9, "d"), (7.0, "beyond"))
    chart = Chart("t", "d", (Series("s", [(1, 0.1)]),), 0.0, 1.0, levels=levels)
    drawn = charts.svg(chart)
    found = ElementTree.fromstring(drawn)
    names = {e.text: float(e.get("y", 0)) for e in found.iter() if e.get("class") == "name"}
    assert list(names) == ["a<b", "c", "d"]
    assert names["a<b"] - names["c"] >= charts.LEAST_GAP
    assert len(places(drawn, "level")) == 3


def test_unknown_skill_is_said(tmp_path: Path) -> None:
    """Where the draw leaves no room between floor and ceiling nothing is drawn but the levels."""
    chart = history._skill(
        runlog.RunState(), "spread",
        record.skills(history.of(record.read(report_factory.write(tmp_path / "r", epochs=1)).state))
        .query("model == 'spread'").assign(skill=float("nan"), skill_low=float("nan")),
    )  # fmt: skip
    assert "not known" in chart.description
    assert places(charts.svg(chart), "point") == []
