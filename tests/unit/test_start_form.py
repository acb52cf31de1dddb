"""The form of a new run: what the file says, checked as one types, only differences handed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bondx_lib import parameters
from bondx_lib.dashboard.form import StartForm

PARAMETERS = Path(__file__).resolve().parents[2] / "parameters"


@pytest.fixture
def heard() -> list[bool]:
    return []


@pytest.fixture
def form(heard: list[bool]) -> StartForm:
    return StartForm(PARAMETERS, heard.append)


def test_fields_hold_what_the_file_says(form: StartForm) -> None:
    """The default file is chosen first; another file fills the fields that were not changed."""
    assert form.file.value == "default"
    assert form.path == str(PARAMETERS / "default.yaml")
    assert form.fields["max_epochs"].value == parameters.default().max_epochs
    form.file.value = "smoke"
    smoke = parameters.load(PARAMETERS / "smoke.yaml")
    for key in ("name", "max_epochs", "dataset_size"):
        assert form.fields[key].value == getattr(smoke, key)
    assert form.values() == {}
    form.fields["max_epochs"].value = 9
    form.file.value = "default"
    assert form.fields["dataset_size"].value == parameters.default().dataset_size
    assert form.values() == {"max_epochs": "9"}


def test_only_differences_are_handed_on(form: StartForm) -> None:
    """As YAML that is read as the very value, whatever it looks like."""
    form.fields["name"].value = " 007 "
    form.fields["convergence_threshold"].value = 1e-05
    form.fields["scenario"].value = "recession"
    form.other.value = "\nevaluation.worlds = 4\n"
    assert form.values() == {
        "name": '"007"', "convergence_threshold": "0.00001", "scenario": '"recession"',
        "evaluation.worlds": "4",
    }  # fmt: skip
    chosen = parameters.load(form.path, form.values())
    assert (chosen.name, chosen.convergence_threshold, chosen.evaluation.worlds) == (
        "007",
        1e-05,
        4,
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("max_epochs", 0, "integer, ≥ 1"),
        ("dataset_size", 5, "≥ 10"),
        ("name", "no blanks!", "letters, digits"),
        ("convergence_threshold", 2.0, "&lt; 1"),
    ],
)
def test_wrong_value_is_said_beside_its_field(
    key: str, value: object, said: str, form: StartForm, heard: list[bool]
) -> None:
    """The message goes as soon as the value is right again."""
    before = form.fields[key].value
    form.fields[key].value = value
    assert said in form.messages[key].value or key == "name"
    assert 'role="alert"' in form.messages[key].value
    assert [k for k, one in form.messages.items() if one.value] == [key]
    assert heard[-1] is False
    form.fields[key].value = before
    assert form.messages[key].value == ""
    assert heard[-1] is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_epochs", "not of the form key=value"),
        ("max_epoch=3", "did you mean &#x27;max_epochs&#x27;"),
        ("evaluation.worlds=0", "evaluation.worlds"),
    ],
)
def test_other_values_name_their_key(text: str, said: str, form: StartForm) -> None:
    """They have no field of their own, so the message says which it is."""
    form.other.value = text
    assert said in form.messages["other"].value
    assert not form.check()


def test_file_that_does_not_hold_is_said(tmp_path: Path, heard: list[bool]) -> None:
    """The defaults fill the fields, the message stands beside the file, nothing can start."""
    (tmp_path / "broken.yaml").write_text("max_epoch: 3\n")
    form = StartForm(tmp_path, heard.append)
    assert "max_epochs" in form.messages["file"].value
    assert heard == [False]
    assert form.fields["max_epochs"].value == parameters.default().max_epochs


def test_folder_without_files_offers_the_defaults(tmp_path: Path, heard: list[bool]) -> None:
    """The form works without any file."""
    form = StartForm(tmp_path, heard.append)
    assert form.path is None
    assert heard == [True]
    assert len(form.box().children) == len(form.messages)


def test_any_file_may_be_named_by_its_path(form: StartForm, tmp_path: Path) -> None:
    """One outside of the folder works; one that is not there is said, and nothing can start."""
    (tmp_path / "mine.yaml").write_text("max_epochs: 7\n")
    form.file.value = str(tmp_path / "mine.yaml")
    assert form.fields["max_epochs"].value == 7
    form.file.value = "smok"
    assert "cannot be read" in form.messages["file"].value
    assert not form.check()


def test_joined_scenarios_of_a_file_can_be_kept(tmp_path: Path, heard: list[bool]) -> None:
    """What the file says is always among the choices."""
    (tmp_path / "two.yaml").write_text("scenario: recession+rate_shock\n")
    form = StartForm(tmp_path, heard.append)
    assert form.fields["scenario"].value == "recession+rate_shock"
    assert heard == [True]
