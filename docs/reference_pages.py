"""Write the reference pages from the code: parameters, events, commands, exit codes, Python.

``python docs/reference_pages.py`` writes all of them; a test compares each with what this returns.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

import bondx_lib
from bondx_lib import cli, events, parameters, runlog
from bondx_lib.errors import BondXError, ExitCode

FOLDER: Final = Path(__file__).parent
MADE: Final = "*Written by `make pages` from the code; change that, not this page.*\n\n"
PACKAGES: Final = (
    "bondx_lib", "bondx_lib.parameters", "bondx_lib.market", "bondx_lib.features",
    "bondx_lib.models", "bondx_lib.gates", "bondx_lib.trainer", "bondx_lib.scoring",
    "bondx_lib.validation", "bondx_lib.sweep", "bondx_lib.report", "bondx_lib.evidence",
    "bondx_lib.dashboard", "bondx_lib.runlog",
)  # fmt: skip
"""What one may want to use from Python, each in the order of the work."""
NAMES: Final = {
    "bondx_lib.parameters": ("default", "load", "describe", "Parameters"),
    "bondx_lib.runlog": ("read", "replay", "Event", "RunState", "EpochView", "Follower"),
}
"""Of modules that state no ``__all__``."""


def main() -> None:
    """Write every page."""
    for name, made in PAGES.items():
        (FOLDER / name).write_text(made(), encoding="utf-8")
        print(FOLDER / name)


def parameters_page() -> str:
    """Return every parameter, block by block."""
    parts = [
        "# Parameters\n\n", MADE,
        "A parameters file is YAML and holds only what differs from the defaults; "
        "`--set KEY=VALUE` goes over it. `bondx params` prints the same as this page. A key that "
        "is not here, or a value that is not admissible, is refused with the nearest name.\n",
    ]  # fmt: skip
    blocks: dict[str, list[dict[str, str]]] = {}
    for row in parameters.describe():
        block, _, name = row["key"].rpartition(".")
        blocks.setdefault(block, []).append({**row, "key": name})
    for block, rows in blocks.items():
        if block:
            about = type(_block(parameters.default(), block)).__doc__ or ""
            parts.append(f"\n## {block}\n\n{about.splitlines()[0]}\n")
        parts += ["\n", *_table(
            ("name", "default", "admissible", "meaning"),
            ((f"`{row['key']}`", f"`{row['default']}`", _admissible(row), row["meaning"])
             for row in rows),
        )]  # fmt: skip
    return "".join(parts)


def _block(of: Any, path: str) -> Any:
    for name in path.split("."):
        of = getattr(of, name)
    return of


def _admissible(row: dict[str, str]) -> str:
    said = ", ".join(filter(None, (row["type"], row["range"])))
    return f"{said}; in {row['unit']}" if row["unit"] else said


def events_page() -> str:
    """Return every kind of event with its fields."""
    parts = [
        "# Events\n\n", MADE,
        "`events.jsonl` holds one JSON object a line. Each has `seq` (its place, from 0), `at` "
        "(UTC, ISO 8601), `event` (its kind), `prev` (SHA-256 of the line before with its newline; "
        "64 zeros in the first), and the fields of its kind. Nothing else may stand in it: "
        "`bondx_lib.runlog.read` refuses a line with another field or another type, and names it. "
        "The first line states `log_version`; this is version "
        f"{runlog.LOG_VERSION}. Reading it with anything else:\n\n"
        "```python\nimport json\n\n"
        'with open("events.jsonl") as log:\n'
        "    kinds = [json.loads(line)[\"event\"] for line in log]\n```\n",
    ]  # fmt: skip
    for kind, model in events.KINDS.items():
        parts.append(f"\n## {kind}\n\n{_sentence(model)}\n\n")
        parts += _table(("field", "type", "meaning"), map(_field, model.model_fields.items()))
    parts.append("\n## What fields are made of\n")
    for part in (
        events.Finding,
        events.Scores,
        events.Segment,
        events.Decile,
        events.Coverage,
        events.Recall,
        events.Rule,
        events.Gain,
        events.Setting,
        events.Parent,
    ):
        names = ", ".join(f"`{name}`" for name in part.model_fields)
        parts.append(f"\n**{part.__name__}.** {_sentence(part)}\n{names}.\n")
    return "".join(parts)


def _field(named: tuple[str, FieldInfo]) -> tuple[str, str, str]:
    name, info = named
    absent = "" if info.is_required() else "; older logs lack it"
    return f"`{name}`", _type(info.annotation, info.metadata), f"{info.description}{absent}"


def _type(kind: Any, bounds: Any = ()) -> str:
    """Return a type in the words of JSON."""
    if get_origin(kind) is Literal:
        return " or ".join(f"`{one}`" for one in get_args(kind))
    if hasattr(kind, "__metadata__"):
        return _type(kind.__origin__, [*bounds, *_bounds(kind.__metadata__)])
    arguments = [one for one in get_args(kind) if one is not type(None)]
    if type(None) in get_args(kind):
        return f"{' or '.join(_type(one) for one in arguments)} or null"
    if get_origin(kind) is dict:
        inner = _type(arguments[1])
        return f"object of {inner}" if inner != "anything" else "object"
    if get_origin(kind) is list:
        return f"list of {_type(arguments[0])}"
    if arguments:
        return " or ".join(_type(one) for one in arguments)
    words = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "anything"}
    limits = " ".join(_limit(one) for one in bounds)
    loose = getattr(kind, "model_config", {}).get("extra") == "allow"
    said = "object" if loose else words.get(kind) or kind.__name__
    return f"{said} {limits}".strip()


def _bounds(metadata: Any) -> Iterator[Any]:
    for one in metadata:
        yield from one.metadata if isinstance(one, FieldInfo) else ()


def _limit(bound: Any) -> str:
    pattern = getattr(bound, "pattern", None)
    if pattern == r"^[0-9a-f]{64}$":
        return "(SHA-256)"
    signs = {"ge": "≥", "le": "≤"}
    return " ".join(f"{signs[n]} {getattr(bound, n)}" for n in signs if hasattr(bound, n))


def exit_codes_page() -> str:
    """Return what each exit code means, and which errors lead to it."""
    importable = [importlib.import_module(one.name) for one in pkgutil.walk_packages(
        bondx_lib.__path__, "bondx_lib.") if not one.name.endswith("__main__")]  # fmt: skip
    assert importable
    raised = sorted(
        (int(kind.exit_code), kind.__name__, kind.__module__, _sentence(kind))
        for kind in _family(BondXError)
        if isinstance(getattr(kind, "exit_code", None), int)
    )
    from bondx_lib.trainer import EXIT_CODES

    endings: dict[int, list[str]] = {}
    for status, code in EXIT_CODES.items():
        endings.setdefault(int(code), []).append(f"`{status}`")
    return "".join([
        "# Exit codes\n\n", MADE,
        "Every command ends with one of these. A sentence on standard error says why.\n\n",
        *_table(("code", "meaning", "a run that ends as"),
                ((f"**{code.value}**", code.meaning, ", ".join(endings.get(code.value, ())) or "–")
                 for code in ExitCode)),
        "\n## Errors\n\nFrom Python they are exceptions; each carries the code that the command "
        "would end with.\n\n",
        *_table(("error", "code", "when"),
                ((f"`{module}.{name}`", str(code), said) for code, name, module, said in raised)),
    ])  # fmt: skip


def _family(kind: type) -> Iterator[type]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


def commands_page() -> str:
    """Return every command with its options."""
    parser = cli._parser()
    (commands,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    parts = [
        "# Commands\n\n", MADE,
        "`bondx` lies in `.venv/bin`; `bondx COMMAND --help` says the same. What a command ends "
        "with: [exit codes](exit_codes.md).\n",
    ]  # fmt: skip
    for name, one in commands.choices.items():
        example = (one.epilog or "").removeprefix("example: ")
        parts.append(f"\n## {name}\n\n{one.description}\n\n*Example:* `{example}`\n\n")
        rows = [_option(action) for action in one._actions if action.dest != "help"]
        if rows:
            parts += _table(("option", "meaning"), rows)
    return "".join(parts)


def _option(action: argparse.Action) -> tuple[str, str]:
    value = "" if action.nargs == 0 else action.metavar or (
        "\\|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    )  # fmt: skip
    value = f"[{value}]" if action.nargs == "?" and value else str(value)
    names = ", ".join(action.option_strings)
    return f"`{f'{names} {value}'.strip()}`", str(action.help)


def api_page() -> str:
    """Return the public names of each package with their first sentence."""
    parts = [
        "# Python\n\n", MADE,
        "What lies behind the commands, package by package in the order of the work. "
        "`help(name)` says parameters, shapes, units and errors. Names that are not here may "
        "change at any time.\n",
    ]  # fmt: skip
    for path in PACKAGES:
        module = importlib.import_module(path)
        parts.append(f"\n## {path}\n\n{_sentence(module)}\n\n")
        rows = [row for name in _public(module) if (row := _name(getattr(module, name), name))]
        parts += _table(("name", "what it is"), rows)
    return "".join(parts)


def _public(module: ModuleType) -> list[str]:
    return sorted(NAMES.get(module.__name__) or module.__all__, key=str.lower)


def _name(thing: Any, name: str) -> tuple[str, str] | None:
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return None
    if inspect.isfunction(thing):
        return f"`{name}({', '.join(_arguments(thing))})`", _sentence(thing)
    return f"`{name}`", _sentence(thing)


def _arguments(function: Callable[..., Any]) -> Iterator[str]:
    """Yield what a function takes, with its defaults and without its types."""
    star = False
    for one in inspect.signature(function).parameters.values():
        if one.kind is one.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        plain = isinstance(one.default, str | int | float | tuple | None.__class__)
        default = repr(one.default) if plain and not isinstance(one.default, Enum) else "…"
        yield f"{mark}{one.name}" + ("" if one.default is one.empty else f"={default}")


def _sentence(thing: Any) -> str:
    """Return the first paragraph of a docstring in one line, roles of the markup taken out."""
    first = (inspect.getdoc(thing) or "").split("\n\n")[0]
    plain = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", " ".join(first.split()))
    return plain.replace("``", "`")


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n"
    for row in rows:
        yield f"| {' | '.join(cell.replace(chr(10), ' ') for cell in row)} |\n"


PAGES: Final[dict[str, Callable[[], str]]] = {
    "parameters.md": parameters_page,
    "events.md": events_page,
    "exit_codes.md": exit_codes_page,
    "commands.md": commands_page,
    "api.md": api_page,
}

if __name__ == "__main__":
    sys.exit(main())
