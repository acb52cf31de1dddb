"""Write the reference pages from the code: parameters, events, commands, exit codes, columns, API.

``python docs/reference_pages.py`` writes all of them; a test compares each with what this returns.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

import bondx_lib
from bondx_lib import cli, events, parameters, runlog, schema
from bondx_lib.errors import BondXError, ExitCode
from bondx_lib.sweep import plan
from bondx_lib.trainer import EXIT_CODES
from bondx_lib.validation import column_map

FOLDER: Final = Path(__file__).parent
MADE: Final = "*Written by `make pages` from the code; change that, not this page.*\n\n"
PACKAGES: Final = (
    "bondx_lib", "bondx_lib.parameters", "bondx_lib.market", "bondx_lib.features",
    "bondx_lib.models", "bondx_lib.gates", "bondx_lib.trainer", "bondx_lib.scoring",
    "bondx_lib.validation", "bondx_lib.sweep", "bondx_lib.report", "bondx_lib.evidence",
    "bondx_lib.dashboard", "bondx_lib.runlog",
)  # fmt: skip
"""What one may want to use from Python, each in the order of the work."""
WIDTH: Final = 88
"""Of a call that stands in one line."""
PARTS: Final = (
    events.Finding, events.Scores, events.Segment, events.Decile, events.Coverage, events.Recall,
    events.Rule, events.Gain, events.Setting, events.Parent,
)  # fmt: skip
"""What fields of events are made of."""
NAMES: Final = {
    "bondx_lib.parameters": ("default", "load", "describe", "Parameters"),
    "bondx_lib.runlog": (
        "read",
        "replay",
        "state_of",
        "Event",
        "RunState",
        "EpochView",
        "Follower",
    ),
}
"""Of modules that state no ``__all__``."""


def main() -> None:
    """Write every page."""
    for name, made in PAGES.items():
        (FOLDER / name).write_text(made(), encoding="utf-8")
        print(FOLDER / name)


def parameters_page() -> str:
    """Return what every file that a user writes may hold: parameters, sweeps, column maps."""
    parts = [
        "# Parameters\n\n", MADE,
        "A parameters file is YAML and holds only what differs from the defaults. "
        "`--set KEY=VALUE` goes over it; the key of a value in a block is dotted, as in "
        "`--set quality_gates.coverage_min=95`. A key that is not here is refused with the nearest "
        "one, a value that is not admissible with what would be. `bondx params` prints the same "
        "rows. Other files: [sweep files](#sweep-files), [column maps](#column-maps).\n\n"
        "`name`, `output`, `logging` and `execution` decide where and how a run works; all the "
        "rest decides its results.\n",
    ]  # fmt: skip
    blocks: dict[str, list[dict[str, str]]] = {}
    for row in parameters.describe():
        block, _, name = row["key"].rpartition(".")
        blocks.setdefault(block, []).append({**row, "key": name})
    for block, rows in blocks.items():
        about = type(_block(parameters.default(), block)).__doc__ if block else "Of the whole run."
        parts.append(f"\n## {block or 'At the top'}\n\n{str(about).splitlines()[0]}\n\n")
        parts += _table(
            ("name", "default", "admissible", "unit", "meaning"),
            ((f"`{row['key']}`", _default(row["default"]), _admissible(row), row["unit"] or "–",
              row["meaning"]) for row in rows),
        )  # fmt: skip
    parts.append("\n## Sweep files\n\nFor `bondx sweep -f FILE`: [sweeps](sweeps.md).\n\n")
    parts += _table(("name", "meaning"), _blocks(plan.BLOCKS))
    parts.append("\n## Column maps\n\nFor `bondx validate FILE --map MAP`: [validation]"
                 "(validation.md#other-names-units-and-words).\n\n")  # fmt: skip
    parts += _table(("name", "meaning"), _blocks(column_map.BLOCKS))
    return "".join(parts)


def _block(of: Any, path: str) -> Any:
    for name in path.split("."):
        of = getattr(of, name)
    return of


def _blocks(meanings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, meaning in meanings.items():
        yield f"`{name}`", meaning


def _default(value: str) -> str:
    """Return a default as it would stand in YAML."""
    return f"`{value.replace(chr(34), '')}`"


def _admissible(row: dict[str, str]) -> str:
    """Return type and range in words: ``integer, 1 to 10,000``."""
    kind, span = row["type"], row["range"]
    if kind.startswith("one of "):
        return _words(kind.removeprefix("one of ").split(", "))
    if kind.startswith("list of one of "):
        return f"list of {', '.join(f'`{one}`' for one in kind[15:].split(', '))}"
    span = re.sub(r"^≥ (\S+) and ≤ (\S+)$", lambda m: f"{_number(m[1])} to {_number(m[2])}", span)
    span = re.sub(r"^> (\S+) and < (\S+)$", r"between \1 and \2", span)
    span = re.sub(r"^> (\S+) and ≤ (\S+)$", r"above \1, at most \2", span)
    span = re.sub(r"^matching (.+)$", r"matching `\1`", span)
    kind = "" if kind == "text" and span else kind
    return f"{kind}: {span}" if kind.startswith(("list", "names")) and span else ", ".join(
        filter(None, (kind, span)))  # fmt: skip


def _words(names: Sequence[str]) -> str:
    """Return names as a choice: ``a, b or c``."""
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} or {last}" if most else last


def _number(text: str) -> str:
    """Return a whole number with its thousands apart, any other as it is."""
    return f"{int(text):,}" if text.isdecimal() else text


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
        "    kinds = [json.loads(line)[\"event\"] for line in log]\n```\n\n",
        *_table(("kind", "when"), ((f"[`{kind}`](#{kind})", _sentence(model))
                                   for kind, model in events.KINDS.items())),
    ]  # fmt: skip
    for kind, model in events.KINDS.items():
        parts.append(f"\n## {kind}\n\n{_sentence(model)}\n\n")
        parts += _table(("field", "type", "meaning"), map(_field, model.model_fields.items()))
    parts.append("\n## What fields are made of\n")
    for part in PARTS:
        names = ", ".join(f"`{name}`" for name in part.model_fields)
        parts.append(f"\n### {part.__name__}\n\n{_sentence(part)}\n\n{names}.\n")
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
    part = f"[{kind.__name__}](#{kind.__name__.lower()})" if kind in PARTS else ""
    said = part or ("object" if loose else words.get(kind) or kind.__name__)
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
    """Return what each exit code means, by command, and which errors lead to it."""
    endings: dict[int, list[str]] = {}
    for status, code in EXIT_CODES.items():
        endings.setdefault(int(code), []).append(f"`{status}`")
    parts = [
        "# Exit codes\n\n", MADE,
        "Every command ends with one of these. A sentence on standard error says why.\n\n",
        *_table(("code", "meaning", "a run that ends as"),
                ((f"**{code.value}**", code.meaning, ", ".join(endings.get(code.value, ())) or "–")
                 for code in ExitCode)),
        "\nA script that runs at night branches on them: [nightly runs](nightly.md).\n",
        "\n## By command\n\nWhere a code says more than above. 2 and 130 are possible everywhere, "
        "and 1 wherever a disk can fail.\n\n",
        *_table(("command", "code", "means"), _codes_by_command()),
        "\n## Errors\n\nFrom Python they are exceptions. Each carries the code that a command "
        "would end with; `bondx_lib.errors.BondXError` catches them all.\n\n",
    ]  # fmt: skip
    parts += _table(("error", "code", "when"), (
        (f"`{kind.__module__}.{kind.__name__}`", str(int(kind.exit_code)), _sentence(kind))
        for kind in sorted(_errors(), key=lambda one: (one.exit_code, one.__name__))
    ))  # fmt: skip
    return "".join(parts)


def _codes_by_command() -> Iterator[tuple[str, str, str]]:
    """Yield each command's codes; commands that mean the same share their rows."""
    said: dict[int, list[str]] = {}
    for name in cli.COMMANDS:
        if name in cli.EXITS:
            said.setdefault(id(cli.EXITS[name]), []).append(name)
    for names in said.values():
        words = ", ".join(f"`bondx {name}`" for name in names)
        for code, meaning in cli.EXITS[names[0]].items():
            yield words, str(code.value), meaning


def _errors() -> Iterator[type[BondXError]]:
    """Yield every error of the package that has one exit code, wherever it is declared."""
    for one in pkgutil.walk_packages(bondx_lib.__path__, "bondx_lib."):
        if not one.name.endswith("__main__"):
            importlib.import_module(one.name)
    for kind in _family(BondXError):
        if kind.__module__.startswith("bondx_lib.") and isinstance(kind.exit_code, int):
            yield kind


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
        "with: [exit codes](exit_codes.md).\n\n",
        *_table(("command", "what it does"),
                ((f"[`{name}`](#{name})", summary)
                 for name, (_, summary, _, _) in cli.COMMANDS.items())),
    ]  # fmt: skip
    for name, one in commands.choices.items():
        example = (one.epilog or "").splitlines()[0].removeprefix("example: ")
        parts.append(f"\n## {name}\n\n{one.description}\n\n*Example:* `{example}`\n\n")
        rows = [_option(action) for action in one._actions if action.dest != "help"]
        if rows:
            parts += _table(("option", "meaning"), rows)
        codes = [f"- **{code.value}**: {said}\n" for code, said in cli.EXITS.get(name, {}).items()]
        if codes:
            parts += ["\n*Exit codes:*\n\n", *codes]
    return "".join(parts)


def _option(action: argparse.Action) -> tuple[str, str]:
    value = "" if action.nargs == 0 else action.metavar or (
        "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    )  # fmt: skip
    value = f"[{value}]" if action.nargs == "?" and value else str(value)
    names = ", ".join(action.option_strings)
    must = "; must be given" if action.required and action.option_strings else ""
    return f"`{f'{names} {value}'.strip()}`", f"{action.help}{must}"


def api_page() -> str:
    """Return the public names of each package, and what they take, give and refuse."""
    modules = [importlib.import_module(path) for path in PACKAGES]
    links = (f"[{path}](#{_anchor(path)})" for path in PACKAGES)
    parts = [
        "# Python\n\n", MADE,
        "What lies behind the commands, package by package in the order of the work. Names that "
        "are not here may change at any time. Every error is a `bondx_lib.errors.BondXError` "
        "([which there are](exit_codes.md#errors)).\n\n",
        f"{', '.join(links)}.\n",
    ]  # fmt: skip
    shown: dict[Any, str] = {}
    places: dict[str, str] = {}
    for path, module in zip(PACKAGES, modules, strict=True):
        things = [(name, getattr(module, name)) for name in _public(module)]
        things = [(name, one) for name, one in things if inspect.isroutine(one) or
                  inspect.isclass(one)]  # fmt: skip
        new = {one: f"{path.removeprefix('bondx_lib').lstrip('.')}.{name}".lstrip(".")
               for name, one in things if one not in shown}  # fmt: skip
        shown |= new
        for title in new.values():
            places[title] = _anchor(title) + "-1" * (_anchor(title) in places.values())
        parts.append(f"\n## {path}\n\n{_sentence(module)}\n\n")
        parts += _table(
            ("name", "what it is"),
            ((f"[`{name}`](#{places[shown[one]]})", _sentence(one))
             for name, one in things),
        )  # fmt: skip
        for one, title in new.items():
            parts += _described(title, one)
    return "".join(parts)


def _anchor(title: str) -> str:
    return title.replace(".", "").lower()


def _public(module: ModuleType) -> list[str]:
    return sorted(NAMES.get(module.__name__) or module.__all__, key=str.lower)


def _described(title: str, thing: Any) -> Iterator[str]:
    """Yield the entry of a function or a class: call, parameters, returns, raises, methods."""
    yield f"\n### {title}\n\n"
    if inspect.isroutine(thing):
        yield f"```text\n{_call(title, thing)}\n```\n\n"
    yield f"{_sentence(thing)}\n"
    for section, entries in _sections(inspect.getdoc(thing) or ""):
        yield f"\n*{section}*\n\n"
        for name, said in entries:
            yield f"- {name}: {said}\n" if name and said else f"- {name or said}\n"
    methods = [(name, one) for name, one in vars(thing).items() if _is_method(name, one)] \
        if inspect.isclass(thing) else []  # fmt: skip
    if methods:
        yield "\n*Methods*\n\n"
        for name, one in methods:
            if isinstance(one, property):
                yield f"- `{name}`: {_sentence(one)}\n"
            else:
                plain = getattr(one, "__func__", one)
                yield f"- `{name}({', '.join(_arguments(plain))})`: {_sentence(plain)}\n"


def _is_method(name: str, thing: Any) -> bool:
    kinds = (property, classmethod, staticmethod)
    return not name.startswith("_") and (inspect.isfunction(thing) or isinstance(thing, kinds)) \
        and bool(inspect.getdoc(getattr(thing, "__func__", thing)))  # fmt: skip


def _call(title: str, function: Callable[..., Any]) -> str:
    """Return how a function is called, an argument a line if one line is too long."""
    name, arguments = title.rpartition(".")[2], list(_arguments(function))
    line = f"{name}({', '.join(arguments)})"
    return line if len(line) <= WIDTH else f"{name}(\n    {f',{chr(10)}    '.join(arguments)},\n)"


def _arguments(function: Callable[..., Any]) -> Iterator[str]:
    """Yield what a function takes, with its defaults and without its types."""
    star = False
    for one in inspect.signature(function).parameters.values():
        if one.name in ("self", "cls"):
            continue
        if one.kind is one.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        star = star or mark == "*"
        plain = isinstance(one.default, str | int | float | tuple | None.__class__)
        default = repr(one.default) if plain and not isinstance(one.default, Enum) else "…"
        yield f"{mark}{one.name}" + ("" if one.default is one.empty else f"={default}")


def _sections(text: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the sections of a numpydoc text that say what goes in and comes out."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", text, flags=re.M)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if title in ("Parameters", "Attributes", "Returns", "Yields", "Raises"):
            yield title, list(_entries(body, named=title not in ("Returns", "Yields")))


def _entries(body: str, named: bool) -> Iterator[tuple[str, str]]:
    """Yield names with what is said of them; without names, the whole text."""
    if not named:
        typed = re.match(r"(\S+)\n {4}(?=\S)", body)
        yield (f"`{typed[1]}`", _plain(body[typed.end() :])) if typed else ("", _plain(body))
        return
    for found in re.finditer(r"^(\S.*)\n((?:[ ]+.*\n?|\n)*)", f"{body.strip()}\n", re.M):
        names = ", ".join(f"`{one.strip()}`" for one in found[1].split(","))
        yield names, _plain(found[2])


def _sentence(thing: Any) -> str:
    """Return the first paragraph of a docstring in one line, roles of the markup taken out."""
    return _plain((inspect.getdoc(thing) or "").split("\n\n")[0])


def _plain(text: str) -> str:
    plain = re.sub(r":(?:py:)?\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", " ".join(text.split()))
    return plain.replace("``", "`")


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n"
    for row in rows:
        cells = (cell.replace("\n", " ").replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |\n"


PAGES: Final[dict[str, Callable[[], str]]] = {
    "parameters.md": parameters_page,
    "events.md": events_page,
    "exit_codes.md": exit_codes_page,
    "commands.md": commands_page,
    "api.md": api_page,
    "data_dictionary.md": schema.data_dictionary,
}

if __name__ == "__main__":
    sys.exit(main())
