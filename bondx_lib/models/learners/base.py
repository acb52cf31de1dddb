"""The law of a learner: the interchangeable method inside a supervised model.

A learner sees a matrix and a target, nothing else. What it says is *raw*: the value itself, or the
log-odds of the event, so that several learners can be added up on one scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Kind = Literal["value", "event"]
Settings = Mapping[str, Any]

EDGE = 1e-6


@dataclass(frozen=True)
class Lesson:
    """What a learner is taught.

    Attributes
    ----------
    kind
        Whether the target is a value or a 0/1 event.
    columns
        Names of the matrix's columns.
    matrix, target
        Shape (rows, columns) and (rows,).
    check_matrix, check_target
        Rows on which the number of trees may be chosen; may be empty.
    monotone
        Columns in which the answer may only rise (1) or fall (−1).
    weight, check_weight
        How much each row counts, both or neither; each row once if not given. If all count once,
        there are none. A learner that does not know them counts each row once.

    Raises
    ------
    ValueError
        When only one side has weights, or their number is not that of the rows.
    """

    kind: Kind
    columns: tuple[str, ...]
    matrix: Matrix
    target: Floats
    check_matrix: Matrix
    check_target: Floats
    monotone: Mapping[str, int] = field(default_factory=dict)
    weight: Floats | None = None
    check_weight: Floats | None = None

    def __post_init__(self) -> None:
        """Check the weights, and drop those that are all one: they must change nothing."""
        weight, check = self.weight, self.check_weight
        if weight is None and check is None:
            return
        if weight is None or check is None:
            raise ValueError("rows to learn from and rows to check have weights, or neither")
        if len(weight) != len(self.target) or len(check) != len(self.check_target):
            raise ValueError("each row has a weight, or none")
        if (weight == 1).all() and (check == 1).all():
            object.__setattr__(self, "weight", None)
            object.__setattr__(self, "check_weight", None)

    def whole(self) -> Lesson:
        """Return the lesson with all its rows to learn from and none to check."""
        weight, check = self.weight, self.check_weight
        counted = None if weight is None or check is None else np.concatenate([weight, check])
        return replace(
            self,
            matrix=np.concatenate([self.matrix, self.check_matrix]),
            target=np.concatenate([self.target, self.check_target]),
            check_matrix=self.check_matrix[:0],
            check_target=self.check_target[:0],
            weight=counted,
            check_weight=None if check is None else check[:0],
        )

    @property
    def checked(self) -> bool:
        """Say whether there is something to check against: rows, and both outcomes among them."""
        target = self.check_target
        return len(target) > 0 and (self.kind == "value" or 0 < target.mean() < 1)

    @property
    def constant(self) -> float | None:
        """Return the raw answer where there is nothing to tell apart, else None."""
        rows, total = len(self.target), float(self.target.sum())
        if self.kind == "value":
            return (total if rows else 0.0) if rows < 2 else None
        if total not in (0, rows):
            return None
        count = rows if self.weight is None else float(self.weight.sum())
        share = ((count if total else 0.0) + 0.5) / (count + 1)
        return float(np.log(share / (1 - share)))


class Learner(Protocol):
    """What every learner offers.

    Attributes
    ----------
    name
        Its key in the register, and the stem of its file.
    suffix
        The ending of its file.
    chosen
        Settings that fitting found and a second fit should keep, such as the number of trees.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    chosen: dict[str, Any]

    @classmethod
    def fit(cls, lesson: Lesson, settings: Settings, rng: Generator) -> Self:
        """Return a learner that has been taught.

        Parameters
        ----------
        lesson
            What to learn; never changed.
        settings
            ``n_estimators``, ``max_depth``, ``learning_rate`` and the learner's own; what a learner
            does not know it ignores.
        rng
            The only source of randomness.
        """
        ...

    def raw(self, matrix: Matrix) -> Floats:
        """Return the value or the log-odds of each row."""
        ...

    def save(self, path: Path) -> None:
        """Write the learner to one file, without pickle, the same bytes for the same learner."""
        ...

    @classmethod
    def load(cls, path: Path, features: int) -> Self:
        """Read a learner of so many features back; runs no code from the file."""
        ...


def seed_of(rng: Generator) -> int:
    """Return a seed for a library that wants one."""
    return int(rng.integers(2**31))
