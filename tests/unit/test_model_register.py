"""A fifth model: registered for a process, or from another package, with no change here."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from bondx_lib import features, market, models, parameters
from bondx_lib.errors import BadInput

OUTSIDE = Path(__file__).parents[1] / "outside"
"""A folder with a package that offers a model by an entry point."""


@pytest.fixture
def outside(monkeypatch):
    """Make the package known as if it were installed."""
    monkeypatch.syspath_prepend(str(OUTSIDE))
    yield
    sys.modules.pop("bidask_model", None)


@pytest.fixture
def forget(monkeypatch):
    """Forget models that a test adds."""
    monkeypatch.setattr(sys.modules["bondx_lib.models.register"].REGISTER, "added", {})


def line_model() -> type[models.Supervised]:
    """Return a spread model that is a straight line, made without a class statement."""
    spread = models.get("spread")
    return type(
        "SpreadLine", (models.Supervised,),
        {"name": "spread_line", "title": "Spread by a line", "task": spread.task,
         "columns": features.columns_for("spread"), "inputs": spread.inputs,
         "members": ("linear",), "purpose": "spread by a straight line"},
    )  # fmt: skip


def test_a_package_is_found_as_soon_as_it_is_installed(tmp_path, monkeypatch):
    """In a folder where packages were looked for before; and it is gone when it is removed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "bid_ask" not in models.known()
    offer = next(OUTSIDE.glob("*.dist-info"))
    installed = shutil.copytree(offer, tmp_path / offer.name)
    assert "bid_ask" in models.known()
    shutil.rmtree(installed)
    assert "bid_ask" not in models.known()


def test_a_model_of_another_package_is_found_trained_and_scored(outside, tmp_path):
    """Its name is known; it trains, saves, loads and is scored without a known ceiling."""
    assert "bid_ask" in models.known()
    law = models.get("bid_ask")
    chosen = parameters.load(None, {"evaluation.branches": 8})
    drawn = market.simulate(chosen, "test/outside", bonds=80, worlds=8, truth="full")
    panel = models.Panel.of(drawn.panel)
    sides = models.split(panel.rows, 0.8, law.task.horizon_months, 36)
    model = law.train(panel, sides, chosen, np.random.default_rng(1))
    model.save(tmp_path / "model")
    again = law.load(tmp_path / "model")
    said = again.predict(panel)
    np.testing.assert_array_equal(said, model.predict(panel))
    scores = models.evaluate(again, said, panel, drawn.truth, np.random.default_rng(2), 50)
    assert scores.to_dict()["ceiling"] is None
    assert 0.3 < scores.skill < 1
    assert scores.skill == pytest.approx(1 - scores.loss / scores.floor)
    assert {row["rating"] for row in scores.coverage} >= {"all", "BBB"}
    assert again.answer(panel).columns.tolist() == ["bid_ask_prediction"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "is no model: it lacks name"),
        ("renamed", "has another name than it is offered under"),
        ("bid_as", "did you mean 'bid_ask'"),
    ],
)
def test_what_is_offered_is_checked(outside, name, message):
    """Something else than a model, another name, a misspelt name: clear errors."""
    with pytest.raises(BadInput, match=message):
        models.get(name)


def test_a_model_is_registered_for_this_process(forget):
    """It is found by name, after the project's own; the same name twice replaces it."""
    model = line_model()
    assert models.register(model) is model
    assert models.get("spread_line") is model
    assert models.known()[: len(models.MODELS)] == tuple(models.MODELS)
    assert models.known()[-1] == "spread_line"
    other = line_model()
    models.register(other)
    assert models.get("spread_line") is other


def test_the_projects_models_cannot_be_replaced(forget):
    """Nor can something that is no model be registered."""
    with pytest.raises(BadInput, match="is a model of the project"):
        models.register(models.get("spread"))
    with pytest.raises(BadInput, match="is no model: it lacks"):
        models.register(type("Nothing", (), {"name": "nothing"}))


def test_unknown_models_are_refused():
    """The error names the nearest."""
    with pytest.raises(BadInput, match="did you mean 'spread'"):
        models.get("spreads")


def test_the_page_shows_the_model_that_is_tested():
    """The worked example of docs/models.md is the package of these tests, word for word."""
    page = (OUTSIDE.parents[1] / "docs" / "models.md").read_text()
    code = (OUTSIDE / "bidask_model.py").read_text()
    shown = code[code.index("import numpy") :].replace("  # fmt: skip", "").strip()
    assert shown in page
