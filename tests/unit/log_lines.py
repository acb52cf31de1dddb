"""Lines of a log: the fields that tests begin with, and a sound chain around any others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bondx_lib import parameters, runlog

START: Final[dict[str, Any]] = {
    "log_version": 1, "name": "t", "version": "0", "schema_version": 1,
    "parameters_digest": "a" * 64, "gates_digest": "b" * 64, "gates": {},
    "parameters": parameters.load(None, {"max_epochs": 3}).model_dump(mode="json"),
    "pid": 1, "process_start": None,
}  # fmt: skip
FINDING: Final[dict[str, Any]] = {
    "gate": "coverage", "slice": "all", "observed": 99.9, "interval": [99.5, 100.0],
    "threshold": 90.0, "n": 100, "severity": "block", "verdict": "pass", "message": "Fine.",
    "used": 0.1, "rows": [],
}  # fmt: skip


def chained(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a log of the events, each linked to the line before, whatever they say."""
    lines, prev = [], runlog.GENESIS
    for seq, record in enumerate(records):
        line = (json.dumps({**record, "seq": seq, "prev": prev}) + "\n").encode()
        lines.append(line)
        prev = hashlib.sha256(line).hexdigest()
    return b"".join(lines)
