"""What can be set, told: one row per key."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bondx_lib.parameters.blocks import Parameters


def describe() -> list[dict[str, str]]:
    """Return one row per parameter: key, type, unit, range, default, meaning."""
    return [described(key, info) for key, info in settable(Parameters)]


def settable(block: type[BaseModel], prefix: str = "") -> list[tuple[str, FieldInfo]]:
    """Return each dotted key below a block, with what it may hold."""
    leaves: list[tuple[str, FieldInfo]] = []
    for name, info in block.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            leaves.extend(settable(inner, f"{prefix}{name}."))
        else:
            leaves.append((f"{prefix}{name}", info))
    return leaves


def described(key: str, info: FieldInfo) -> dict[str, str]:
    """Return what is told of a key."""
    schema = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    value = info.default
    return {
        "key": key,
        "type": _type_name(info.annotation),
        "unit": str(schema.get("unit", "")),
        "range": str(schema.get("range", "")) or _range(info),
        "default": json.dumps(list(value) if isinstance(value, tuple) else value),
        "meaning": info.description or "",
    }


def _type_name(annotation: Any) -> str:
    names = {int: "integer", float: "number", str: "text", bool: "true or false"}
    if annotation in names:
        return names[annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _type_name(arguments[0])
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(str(value) for value in arguments)
    if get_origin(annotation) is dict:
        return "names with values"
    if Ellipsis in arguments:
        return f"list of {_type_name(arguments[0])}"
    if get_origin(annotation) is tuple:
        return f"list of {len(arguments)}"
    kinds = [_type_name(kind) for kind in arguments if kind is not type(None)]
    return " or ".join([*kinds, *(["null"] if type(None) in arguments else [])])


def _range(info: FieldInfo) -> str:
    parts = []
    for rule in info.metadata:
        for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            bound = getattr(rule, attribute, None)
            if bound is not None:
                parts.append(f"{sign} {bound:g}" if isinstance(bound, float) else f"{sign} {bound}")
        pattern = getattr(rule, "pattern", None)
        if pattern is not None:
            parts.append(f"matching {pattern}")
    return " and ".join(parts)
