"""Files of a run folder: written whole or not at all, the same bytes every time.

Every file goes to a temporary name in its own folder, is flushed to disk and then renamed. JSON is
strict (no NaN, no Infinity) and canonical (sorted keys); Parquet carries the synthetic flag and the
schema version in its metadata.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bondx_lib.errors import BadInput
from bondx_lib.vocabulary import SCHEMA_VERSION

if TYPE_CHECKING:  # who reads a log alone need not load what reads tables
    import pandas as pd

TEMPORARY: Final = ".partial-"
PARQUET_METADATA: Final = {b"synthetic": b"true", b"schema_version": str(SCHEMA_VERSION).encode()}


def new_folder(base: str | Path, name: str) -> Path:
    """Make a folder of one's own, private, named after the time and a name, and return it.

    Raises
    ------
    BadInput
        When the base directory cannot be written to.
    """
    stamped = f"{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}-{name}"
    try:
        Path(base).mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 100):
            folder = Path(base) / (stamped if attempt == 1 else f"{stamped}-{attempt}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                return folder
    except OSError as error:
        raise BadInput(
            f"cannot be written to: {error.strerror}", key="output.base_directory",
            value=str(base), admissible="a folder that can be written to",
        ) from error  # fmt: skip
    raise BadInput("holds too many runs of this second", key="output.base_directory")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to ``path`` if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> str:
    """Write a file whole and return its SHA-256."""
    with whole(path) as partial:
        partial.write_bytes(content)
    return sha256_bytes(content)


def write_text(path: Path, text: str) -> str:
    """Write a text file in UTF-8 and return its SHA-256."""
    return write_bytes(path, text.encode("utf-8"))


def canonical_json(value: Any) -> str:
    """Return strict JSON on one line with sorted keys.

    Raises
    ------
    ValueError
        When a number is not finite or a value has no JSON form; the error names where it stands.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def write_json(path: Path, value: Any) -> str:
    """Write strict JSON, sorted and indented, and return its SHA-256."""
    text = json.dumps(plain(value), sort_keys=True, indent=1, ensure_ascii=False)
    return write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; NaN and Infinity are refused.

    Raises
    ------
    BadInput
        When the file cannot be read or is not strict JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot be read as JSON: {error}", source=str(path)) from error


def plain(value: Any, where: str = "value") -> Any:
    """Return the value in plain JSON types; ``where`` names it in errors."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}, which has no place in JSON")
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(inner, f"{where}[{index}]") for index, inner in enumerate(value)]
    raise ValueError(f"{where} is a {type(value).__name__}, which has no JSON form")


def finite_or_none(value: float) -> float | None:
    """Return the number, or None where it is not finite: how a missing number reads in JSON."""
    return float(value) if math.isfinite(value) else None


def write_parquet(
    path: Path, frame: pd.DataFrame, metadata: Mapping[str, str] | None = None
) -> str:
    """Write a frame as Parquet, the same bytes for the same values; return its SHA-256.

    Parameters
    ----------
    path, frame
        Where, and what; categories are written as dictionaries.
    metadata
        More words for the file's metadata, beside the synthetic flag and the schema version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    more = {key.encode(): value.encode() for key, value in (metadata or {}).items()}
    table = table.replace_schema_metadata({**PARQUET_METADATA, **more})
    with whole(path) as partial:
        pq.write_table(table, partial, compression="zstd")
    return sha256_file(path)


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file of the run folder, or some of its columns.

    Raises
    ------
    BadInput
        When the file is missing or no Parquet, or lacks a column.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        return pd.read_parquet(path, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"cannot be read as Parquet: {error}", source=str(path)) from error


def write_csv(path: Path, frame: pd.DataFrame) -> str:
    """Write a frame as CSV: ISO dates, empty where missing, full precision."""
    return write_text(path, frame.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d"))


def write_jsonl(path: Path, frame: pd.DataFrame) -> str:
    """Write a frame as one strict JSON object per line, null where missing."""
    text = frame_json(frame, lines=True)
    return write_text(path, text if text.endswith("\n") or not text else text + "\n")


def frame_json(frame: pd.DataFrame, *, lines: bool = False) -> str:
    """Return the rows as JSON objects: a list, or one per line."""
    dated = frame.assign(
        **{
            str(name): frame[name].dt.strftime("%Y-%m-%d")
            for name in frame.select_dtypes("datetime").columns
        }
    )
    return dated.to_json(orient="records", lines=lines, double_precision=15)


def sha256_bytes(content: bytes) -> str:
    """Return the SHA-256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def frame_digest(frame: pd.DataFrame) -> str:
    """Return a SHA-256 over names, types and values of a frame, in row order."""
    from pandas.util import hash_pandas_object

    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name}:{column.dtype}\n".encode())
        digest.update(hash_pandas_object(column, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def tree_digests(folder: Path, root: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path relative to ``root``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): sha256_file(path) for path in files}


def inside(run_dir: Path, relative: str) -> Path:
    """Return the path of a file in the run folder, and refuse one that would leave it.

    Raises
    ------
    BadInput
        For an absolute path, a path with ``..``, or one that a symbolic link leads elsewhere.
    """
    pure = PurePosixPath(relative)
    path = run_dir / pure
    leaves = pure.is_absolute() or ".." in pure.parts or not pure.parts
    if leaves or not path.resolve().is_relative_to(run_dir.resolve()):
        raise BadInput("leaves the run folder", source=str(run_dir), value=relative)
    return path


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
