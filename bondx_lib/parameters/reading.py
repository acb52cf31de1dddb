"""Parameters are read: a file over the defaults, single values over the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bondx_lib.errors import BadInput, nearest
from bondx_lib.parameters.blocks import Parameters
from bondx_lib.parameters.table import described, settable


def default() -> Parameters:
    """Return the parameters of the main job."""
    return Parameters()


def load(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Parameters:
    """Read a parameters file over the defaults, then apply single values.

    Parameters
    ----------
    path
        YAML file that states differences from the defaults, or None.
    overrides
        Dotted key to value; a string value is read as YAML, so ``"50"`` is a number.

    Raises
    ------
    BadInput
        When the file cannot be read, is no mapping, repeats a key, or any key or value is not
        admissible; the error names the file, the key, the value and what would do.
    """
    source = "parameters" if path is None else str(path)
    values = {} if path is None else read_mapping(Path(path))
    for key, value in (overrides or {}).items():
        _override(values, key, value)
    return _validated(values, source, overrides or {})


def parse_override(text: str) -> tuple[str, str]:
    """Split one ``key=value`` as given on a command line."""
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise BadInput(
            "is not of the form key=value", source="--set", value=text,
            admissible="for example dataset_size=50 or quality_gates.coverage_min=95",
        )  # fmt: skip
    return key.strip(), value.strip()


def read_mapping(path: Path) -> dict[str, Any]:
    """Return a YAML file that holds a mapping.

    Raises
    ------
    BadInput
        When it cannot be read, is no mapping, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"cannot be read: {error.strerror or error}", source=str(path),
            admissible="a readable YAML file",
        ) from error  # fmt: skip
    except UnicodeDecodeError as error:
        raise BadInput(
            "is not text in UTF-8", source=str(path), admissible="a YAML file in UTF-8"
        ) from error
    try:
        _refuse_repeated_keys(yaml.compose(text, Loader=yaml.SafeLoader), str(path))
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()) or "nested too deeply"
        raise BadInput(
            f"is not valid YAML: {reason}", source=str(path), admissible="a YAML mapping"
        ) from error
    if not isinstance(values, dict):
        found = "empty" if values is None else f"a {type(values).__name__}"
        raise BadInput(
            f"is {found}",
            source=str(path),
            admissible="a YAML mapping of names to values",
        )
    return values


def read_value(text: str, key: str) -> Any:
    """Return a value that was given as YAML, as after ``--set``.

    Raises
    ------
    BadInput
        When it is no YAML; names the key.
    """
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput("is not valid YAML", source="--set", key=key, value=text) from error


def _refuse_repeated_keys(root: yaml.Node | None, source: str) -> None:
    """Refuse what YAML would let pass: the later of two equal keys wins.

    A node that aliases name again is looked at once, or a few lines could keep this busy for ever.
    """
    waiting: list[tuple[str, yaml.Node | None]] = [("", root)]
    known: set[int] = set()
    while waiting:
        prefix, node = waiting.pop()
        if id(node) in known or not isinstance(node, yaml.CollectionNode):
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(prefix, one) for one in node.value]
            continue
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = f"{prefix}{key_node.value}"
            if key in seen:
                line = key_node.start_mark.line + 1
                raise BadInput(f"is given twice (again in line {line})", source=source, key=key)
            seen.add(key)
            waiting.append((f"{key}.", value_node))


def _override(values: dict[str, Any], key: str, value: Any) -> None:
    if isinstance(value, str):
        value = read_value(value, key)
    *blocks, last = key.split(".")
    target = values
    for block in blocks:
        inner = target.get(block)
        target[block] = dict(inner) if isinstance(inner, dict) else {}
        target = target[block]
    target[last] = value


def _validated(values: dict[str, Any], source: str, overrides: Mapping[str, Any]) -> Parameters:
    try:
        return Parameters.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        origin = "--set" if any(key.startswith(name) for name in overrides) else source
        raise _bad_value(key, first, origin) from error


def _bad_value(key: str, error: Any, source: str) -> BadInput:
    fields = dict(settable(Parameters))
    if error["type"] == "extra_forbidden":
        return BadInput(
            "is not a parameter", source=source, key=key, nearest=_nearest_key(key, fields),
            admissible="the keys that `bondx params` lists",
        )  # fmt: skip
    if error["type"] == "value_error":
        return BadInput(str(error["ctx"]["error"]), source=source, key=key, value=error["input"])
    named = next((name for name in fields if key == name or key.startswith(f"{name}.")), None)
    if named is None:
        inner = ", ".join(name for name in fields if name.startswith(f"{key}."))
        return BadInput(
            "must be a mapping", source=source, key=key, value=error["input"],
            admissible=inner or "a mapping of parameter names to values",
        )  # fmt: skip
    row = described(named, fields[named])
    admissible = ", ".join(part for part in (row["type"], row["range"], row["unit"]) if part)
    return BadInput(
        "is not admissible", source=source, key=key, value=error["input"], admissible=admissible
    )


def _nearest_key(key: str, fields: Mapping[str, FieldInfo]) -> str | None:
    same_name = [name for name in fields if name.rpartition(".")[2] == key.rpartition(".")[2]]
    blocks = {name.partition(".")[0] for name in fields}
    return same_name[0] if same_name else nearest(key, [*fields, *blocks])
