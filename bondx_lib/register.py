"""Named things of one kind: the project's own, those that packages offer, those added by hand."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

from bondx_lib.errors import BadInput, nearest

T = TypeVar("T")


class Register(Generic[T]):
    """All things of a kind, by name; the project's own can be added to, never replaced.

    Parameters
    ----------
    kind
        What each of them is, in a word.
    own
        The project's, by name.
    group
        Entry points by which packages offer more; an entry point's name is the thing's.
    law
        Attributes that each must have.
    admissible
        What obeys that law, in words.
    """

    def __init__(
        self, kind: str, own: Mapping[str, T], group: str, law: Sequence[str], admissible: str
    ) -> None:
        self.kind = kind
        self.own = own
        self.group = group
        self.added: dict[str, T] = {}
        self._law = law
        self._admissible = admissible

    def known(self) -> tuple[str, ...]:
        """Return all names: the project's own, then those added."""
        outside = _offered(self.group, _path())
        return (*self.own, *sorted({*self.added, *outside} - set(self.own)))

    def get(self, name: str) -> T:
        """Return what has a name.

        Raises
        ------
        BadInput
            When nothing has that name, naming the nearest, or when what a package offers under it
            is not of this kind.
        """
        if name in self.own:
            return self.own[name]
        if name in self.added:
            return self.added[name]
        for entry in metadata.entry_points(group=self.group, name=name):
            return self.checked(self.made(entry.load()), f"entry point {entry.value}", name)
        names = self.known()
        raise BadInput(
            f"is not a {self.kind}", key=name, admissible=", ".join(names),
            nearest=nearest(name, names),
        )  # fmt: skip

    def add(self, offered: Any) -> T:
        """Add something for this process and return it; a later one of the same name replaces it.

        Raises
        ------
        BadInput
            When it is not of this kind, or takes the name of one of the project's.
        """
        one = self.made(offered)
        name = str(getattr(one, "name", ""))
        if name in self.own:
            raise BadInput(f"is a {self.kind} of the project; choose another name", key=name)
        self.added[name] = self.checked(one, "register", name)
        return one

    def made(self, offered: Any) -> T:
        """Return what an offer stands for: itself, unless a kind says otherwise."""
        one: T = offered
        return one

    def checked(self, one: T, source: str, name: str) -> T:
        """Return what obeys the law and has the name that it is offered under.

        Raises
        ------
        BadInput
            When it does not.
        """
        missing = [part for part in self._law if not hasattr(one, part)]
        if missing:
            raise BadInput(
                f"is no {self.kind}: it lacks {', '.join(missing)}", source=source,
                key=name or None, admissible=self._admissible,
            )  # fmt: skip
        called = getattr(one, "name", None)
        if called != name:
            raise BadInput("has another name than it is offered under", source=source, key=name,
                           value=called)  # fmt: skip
        return one


@functools.lru_cache(maxsize=8)
def _offered(group: str, path: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """Return the names that packages offer; asking them all takes a while."""
    return tuple(metadata.entry_points(group=group).names)


def _path() -> tuple[tuple[str, int], ...]:
    """Return where packages are looked for, and what changes there when one is installed."""
    folders = [Path(one or ".") for one in sys.path]
    return tuple((str(one), one.stat().st_mtime_ns) for one in folders if one.exists())
