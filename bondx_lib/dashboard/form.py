"""The form of a new run: a parameters file, and fields for the values that are changed most.

Every field holds what the file says until it is changed, is checked as one types, and has its
message beside it. Only what differs from the file is handed on. All fields are ones to type into,
with choices offered: in a list of choices JupyterLab would take the keys for its own shortcuts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import ipywidgets as widgets
import numpy as np

from bondx_lib import parameters as parameter_files
from bondx_lib.dashboard.html import escape, framed
from bondx_lib.errors import BadInput, BondXError
from bondx_lib.vocabulary import SCENARIOS

LABEL: Final = {"description_width": "11rem"}
NARROW: Final = "23rem"
WIDE: Final = "34rem"
OTHER_HINT: Final = "one key=value per line, for example\nquality_gates.coverage_min=95"
PROFILES: Final = ("exploratory", "standard", "strict")


class StartForm:
    """Widgets that ask for the parameters of a run.

    Parameters
    ----------
    folder
        Holds the parameters files to choose from.
    on_change
        Called after every change with whether all values hold.
    """

    def __init__(self, folder: Path, on_change: Callable[[bool], None]) -> None:
        self._on_change = on_change
        self._files = {path.stem: str(path) for path in parameters_files(folder)}
        self.file = _field(widgets.Combobox, "Parameters file")
        self.file.options, self.file.continuous_update = tuple(self._files), False
        self.file.value = next((n for n in ("default", *self._files) if n in self._files), "")
        self.fields: dict[str, Any] = {
            "name": _field(widgets.Text, "Name"),
            "scenario": _field(widgets.Combobox, "Scenario"),
            "max_epochs": _field(widgets.IntText, "Epochs, at most"),
            "dataset_size": _field(widgets.IntText, "Bonds per variation"),
            "random_seed": _field(widgets.IntText, "Random seed"),
            "improvement_patience": _field(widgets.IntText, "Patience, epochs"),
            "convergence_threshold": _field(widgets.FloatText, "Threshold, skill"),
            "quality_gates.profile": _field(widgets.Combobox, "Gates judge"),
        }
        self.other = widgets.Textarea(
            description="Other values", placeholder=OTHER_HINT, style=LABEL, rows=3,
            continuous_update=True, layout=widgets.Layout(width=WIDE),
        )  # fmt: skip
        self.fields["scenario"].options = SCENARIOS
        self.fields["quality_gates.profile"].options = PROFILES
        self.messages = {key: widgets.HTML() for key in ("file", *self.fields, "other")}
        self._filling = False
        self._in_file: dict[str, Any] = {}
        self._fill()
        self.file.observe(self._file_chosen, names="value")
        for field in (*self.fields.values(), self.other):
            field.observe(self._changed, names="value")

    @property
    def path(self) -> str | None:
        """Return the parameters file: one of the folder by its name, or any by its path.

        None, which stands for the defaults, if none is named.
        """
        named = self.file.value.strip()
        return self._files.get(named, named) or None

    def box(self) -> widgets.VBox:
        """Return the form to be displayed."""
        rows = {"file": self.file, **self.fields, "other": self.other}
        line = widgets.Layout(flex_flow="row wrap", align_items="center")
        return widgets.VBox(
            [widgets.HBox([field, self.messages[key]], layout=line) for key, field in rows.items()]
        )

    def values(self) -> dict[str, str]:
        """Return what differs from the file: dotted key to value, as YAML.

        Raises
        ------
        BadInput
            When a line of the other values is not of the form key=value.
        """
        changed = {
            key: _as_yaml(_typed(field))
            for key, field in self.fields.items()
            if _typed(field) != self._in_file[key]
        }
        return changed | self._others()

    def check(self) -> bool:
        """Say beside each field what is wrong with it; return whether all values hold."""
        wrong = {key: self._objection(key) for key in ("file", *self.fields, "other")}
        if not any(wrong.values()):
            try:
                parameter_files.load(self.path, self.values())
            except BondXError as error:
                wrong["other"] = _sentence(error)
        for key, text in wrong.items():
            shown = framed(f'<span role="alert" class="bad">{escape(text)}</span>') if text else ""
            if self.messages[key].value != shown:
                self.messages[key].value = shown
        return not any(wrong.values())

    def _others(self) -> dict[str, str]:
        lines = filter(str.strip, self.other.value.splitlines())
        return dict(parameter_files.parse_override(line) for line in lines)

    def _objection(self, key: str) -> str:
        """Return what is wrong with one field alone, empty if nothing."""
        try:
            if key == "other":
                parameter_files.load(self.path, self._others())
            elif key == "file":
                parameter_files.load(self.path)
            elif key != "file":
                parameter_files.load(None, {key: _as_yaml(_typed(self.fields[key]))})
        except BondXError as error:
            return _sentence(error, named=key == "other")
        return ""

    def _file_chosen(self, change: Mapping[str, Any]) -> None:
        self._fill()

    def _fill(self) -> None:
        """Show the values of the chosen file; the defaults where it does not hold.

        Fields that were changed stay as they are.
        """
        try:
            chosen = parameter_files.load(self.path)
        except BondXError:
            chosen = parameter_files.default()
        dumped, before = chosen.model_dump(mode="json"), self._in_file
        self._in_file = {key: _inside(dumped, key) for key in self.fields}
        self._filling = True
        for key, field in self.fields.items():
            if not before or _typed(field) == before[key]:
                field.value = self._in_file[key]
        self._filling = False
        self._on_change(self.check())

    def _changed(self, change: Mapping[str, Any]) -> None:
        if not self._filling:
            self._on_change(self.check())


def parameters_files(folder: Path) -> list[Path]:
    """Return the parameters files of a folder; examples of other kinds of files are left out."""
    return sorted(path for path in folder.glob("*.yaml") if not path.name.endswith("_example.yaml"))


def _field(kind: Any, label: str) -> Any:
    return kind(
        description=label, style=LABEL, layout=widgets.Layout(width=NARROW), continuous_update=True
    )


def _typed(field: Any) -> Any:
    """Return a field's value; text without the blanks around it."""
    return field.value.strip() if isinstance(field.value, str) else field.value


def _as_yaml(value: Any) -> str:
    """Return a value as YAML that is read as the same value.

    >>> _as_yaml("007"), _as_yaml(0.00001), _as_yaml(7)
    ('"007"', '0.00001', '7')
    """
    if isinstance(value, float):
        return np.format_float_positional(value, trim="0")
    return json.dumps(value)


def _inside(values: Mapping[str, Any], key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


def _sentence(error: BondXError, named: bool = True) -> str:
    """Return what is wrong, with the key only where the field does not name it."""
    if not isinstance(error, BadInput):
        return str(error)
    without = BadInput(
        error.message, None, error.key if named else None, error.value, error.admissible,
        error.nearest,
    )  # fmt: skip
    return str(without)
