"""Errors carry their evidence, read well, and survive the way between processes."""

from __future__ import annotations

import pickle

import pytest

from bondx_lib import errors


def test_bad_input_names_everything():
    """Source, key, value, what would do and the nearest name stand in one line."""
    error = errors.BadInput(
        "is not a parameter", source="a.yaml", key="max_epoch", value=5, admissible="the keys",
        nearest="max_epochs",
    )  # fmt: skip
    assert str(error) == (
        "a.yaml: max_epoch: is not a parameter (got 5); admissible: the keys; "
        "did you mean 'max_epochs'?"
    )


def test_names_stay_in_their_line():
    """Whoever chose a file's or a key's name cannot add lines to an error."""
    error = errors.BadInput("no", source="a\nb\u2028.yaml", key="\x1b[31mk\ud800")
    assert str(error) == "a\\nb\\u2028.yaml: \\x1b[31mk\\ud800: no"


@pytest.mark.parametrize(
    "error",
    [
        errors.BadInput("no", source="s", key="k", value=[1], admissible="a", nearest="n"),
        errors.RunLogDamaged("events.jsonl", 7, "does not follow line 6"),
        errors.RunBusy("runs/x", 123),
        errors.RunBusy("runs/x", None),
        errors.GateBlocked("coverage fails", ("coverage",)),
        errors.EpochFailed(3, "ValueError", "boom", "Traceback"),
    ],
)
def test_errors_survive_pickling(error):
    """A copy has the same text and the same attributes."""
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_exit_codes_are_those_of_the_command_line():
    """Each family knows the exit code that users were promised."""
    assert errors.EpochFailed(1, "E", "m").exit_code == 1
    assert errors.RunLogDamaged("p", 1, "r").exit_code == 2
    assert errors.GateBlocked("m").exit_code == 3


def test_nearest_is_none_for_something_else_entirely():
    """A suggestion is made only when it is close."""
    assert errors.nearest("zzz", ["max_epochs"]) is None
