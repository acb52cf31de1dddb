"""The champions of a run, held against their cards and the run's seal before they are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bondx_lib import artefacts, evidence, models
from bondx_lib.errors import BadInput, nearest
from bondx_lib.models import Model, Panel
from bondx_lib.schema import KEYS
from bondx_lib.scoring import intake
from bondx_lib.scoring.problems import Problems
from bondx_lib.scoring.survey import Duplicates, Survey

FOLDER: Final = "models"


@dataclass(frozen=True)
class Champion:
    """A trained model of a run, ready to be asked about bonds of one's own.

    Attributes
    ----------
    name, model
        Its key in the register, and the model itself.
    """

    name: str
    model: Model

    def predict(self, frame: pd.DataFrame, *, duplicates: Duplicates = "refuse") -> pd.DataFrame:
        """Return world, bond, date and the model's answer for each row.

        Parameters
        ----------
        frame
            Rows with the columns that features need, in any order; see ``docs/scoring.md``. Peers
            and histories come from these rows, so give the whole panel, not a few rows of it.
        duplicates
            Whether a row that repeats another is refused or scored.

        Raises
        ------
        BadInput
            Naming column, rows and what would be accepted.
        """
        panel = _panel(frame, duplicates)
        found = pd.concat([panel.rows[list(KEYS)], self.answer(panel)], axis=1)
        return found.iloc[: len(frame)].set_index(frame.index)

    def features(self, frame: pd.DataFrame, *, duplicates: Duplicates = "refuse") -> pd.DataFrame:
        """Return what the model sees of each row."""
        seen = _panel(frame, duplicates).features[list(self.model.columns)]
        return seen.iloc[: len(frame)].set_index(frame.index)

    def answer(self, panel: Panel) -> pd.DataFrame:
        """Return the model's answer for each row of a panel, which is numbered from 0.

        Raises
        ------
        BadInput
            When it does not give one for each.
        """
        found = self.model.answer(panel)
        if len(found) != len(panel):
            raise BadInput("does not answer once for each row", key=self.name)
        return found.reset_index(drop=True)

    def card(self) -> dict[str, Any]:
        """Return what a reader should know of the model."""
        return self.model.card()


def load_champion(run: str | Path, name: str) -> Champion:
    """Return the champion of a run.

    Parameters
    ----------
    run
        The run's folder.
    name
        For example ``"spread"``.

    Raises
    ------
    BadInput
        When the run has no such champion, or its files are not those that were saved and sealed.
    """
    return load_champions(run, (name,))[0]


def load_champions(run: str | Path, names: Sequence[str] = ()) -> list[Champion]:
    """Return some champions of a run, or all of them, in the order of the register."""
    folder = Path(run)
    chosen = _chosen(folder, names)
    _check_seal(folder, chosen)
    return [Champion(name, models.get(name).load(folder / FOLDER / name)) for name in chosen]


def _chosen(run: Path, names: Sequence[str]) -> list[str]:
    place = run / FOLDER
    there = sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    if not there:
        raise BadInput(
            "has no champions", source=str(run), admissible="the folder of a run with models"
        )
    for name in names:
        if name not in there:
            raise BadInput(
                "is no champion of the run", source=str(run), key=name,
                admissible=", ".join(there), nearest=nearest(name, there),
            )  # fmt: skip
    chosen = names or there
    for name in chosen:
        models.get(name)
    return [name for name in models.known() if name in chosen]


def _check_seal(run: Path, names: Sequence[str]) -> None:
    """See that the models of a sealed run are those that were sealed.

    Raises
    ------
    BadInput
        When a file was changed, added, removed or put elsewhere.
    """
    path = run / evidence.SUMS_NAME
    if not path.is_file():
        return
    sealed = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        digest, _, file = line.partition("  ")
        sealed[file] = digest
    for name in names:
        folder = run / FOLDER / name
        found = {file.relative_to(run).as_posix(): file for file in folder.rglob("*")
                 if not file.is_dir() or file.is_symlink()}  # fmt: skip
        prefix = f"{FOLDER}/{name}/"
        for file in sorted({*found, *(one for one in sealed if one.startswith(prefix))}):
            _check_file(run, file, found.get(file), sealed.get(file))


def _check_file(run: Path, name: str, path: Path | None, digest: str | None) -> None:
    if path is None or digest is None:
        wrong = "is missing" if path is None else "is not part of the sealed run"
    elif path.is_symlink():
        wrong = "is a symbolic link"
    elif artefacts.sha256_file(path) != digest:
        wrong = "has been changed"
    else:
        return
    raise BadInput(
        f"{wrong} since the run was sealed; nothing was loaded", source=str(run), key=name,
        admissible="a run that `bondx verify` finds unchanged",
    )  # fmt: skip


def _panel(frame: pd.DataFrame, duplicates: Duplicates) -> Panel:
    """Return a frame's rows with their features after all checks; ballast stands behind them."""
    source, problems = intake.of_frame(frame), Problems("frame")
    wanted, _ = intake.layout(source)
    survey, parts = Survey(problems, duplicates), []
    for table in intake.typed(source, wanted, problems):
        survey.add(table)
        parts.append(table)
    facts = survey.finish()
    rows = pd.concat([part.to_pandas() for part in parts], ignore_index=True)
    return facts.panel(rows.drop(columns="row"))
