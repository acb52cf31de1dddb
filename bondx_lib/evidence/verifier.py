"""Check a sealed BondX run folder with nothing but Python's standard library.

    python3 verify.py [FOLDER]

FOLDER is the run folder; without it, the one that this file lies in, below ``evidence``. Nothing of
the pack is executed or unpickled, nothing is written. Exit code 0: nothing has changed; 1: every
difference is printed; 2: this is no run folder.

What is checked: ``SHA256SUMS`` names every file, and every file is what it says; the chain of
``events.jsonl`` is whole, from the start of the run to its end; files, parameters and thresholds
are those of the log; the crate and the crosswalk name what is there; nothing can run code when it
is read. What cannot be: whether somebody rewrote all of it before the pack id was published.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

SUMS = "SHA256SUMS"
LOG = "events.jsonl"
CRATE = "ro-crate-metadata.json"
CROSSWALK = "evidence/crosswalk.json"
NOT_SEALED = (SUMS, "run.lock")
NOT_SEALED_FOLDERS = ("control",)
NOT_IDENTITY = ("name", "output", "logging", "execution")
UNSAFE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".mar")
PICKLE_OPENINGS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
GENESIS = "0" * 64
CHUNK = 1 << 20


class Difference(NamedTuple):
    """What is not as it was sealed: which file, what, and the event that last spoke of it."""

    file: str
    what: str
    since: int | None = None

    def __str__(self) -> str:
        """Say it in a sentence."""
        event = "" if self.since is None else f" (event {self.since})"
        return f"{self.file} {self.what}{event}"


class NotAPack(Exception):
    """The folder is no run folder."""


def main(arguments: list[str]) -> int:
    """Check the folder that was named, print what differs, and return the exit code."""
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[1]
    try:
        found = differences(folder)
    except NotAPack as error:
        print(error, file=sys.stderr)
        return 2
    for difference in found:
        print(difference)
    if found:
        print(f"{len(found)} difference{'s' if len(found) > 1 else ''}: not as it was sealed")
        return 1
    print(f"nothing has changed since it was sealed; pack id {sha256(folder / SUMS)}")
    return 0


def differences(folder: Path) -> list[Difference]:
    """Return every difference between a run folder and its seal.

    Parameters
    ----------
    folder
        The run folder.

    Raises
    ------
    NotAPack
        When it holds no log.
    """
    if not (folder / LOG).is_file():
        raise NotAPack(f"{folder}: is no run folder: it has no {LOG}")
    if not (folder / SUMS).is_file():
        return [Difference(SUMS, "is missing: the run was never sealed")]
    files, links = contents(folder)
    events, broken = read_log(folder)
    return [
        *links,
        *_against_sums(folder, files),
        *broken,
        *_against_log(folder, events),
        *_against_crate(folder, files),
        *_against_crosswalk(folder),
        *_unsafe(folder, files),
    ]


def contents(folder: Path) -> tuple[list[str], list[Difference]]:
    """Return every file of a pack, sorted, and what is there that no pack may hold."""
    names, refused = [], []
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        name = relative.as_posix()
        if relative.parts[0] in NOT_SEALED_FOLDERS or name in NOT_SEALED:
            continue
        if path.is_symlink():
            refused.append(Difference(name, "is a symbolic link, which a pack may not hold"))
        elif path.is_file():
            names.append(name)
        elif not path.is_dir():
            refused.append(Difference(name, "is no ordinary file"))
    return sorted(names), sorted(refused)


def read_log(folder: Path) -> tuple[list[dict[str, Any]], list[Difference]]:
    """Return the events, as far as the chain holds, and where it breaks."""
    events: list[dict[str, Any]] = []
    head = GENESIS
    lines = (folder / LOG).read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1]):
        try:
            event = json.loads(line)
            follows = event["seq"] == number and event["prev"] == head
            event["event"], event["at"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return events, [Difference(LOG, f"line {number + 1}: is no event")]
        if not follows:
            what = f"line {number + 1}: does not follow the line before it"
            return events, [Difference(LOG, what)]
        head = hashlib.sha256(line + b"\n").hexdigest()
        events.append(event)
    if lines[-1]:
        return events, [Difference(LOG, f"line {len(lines)}: is cut off")]
    return events, list(_not_whole(events))


def _not_whole(events: list[dict[str, Any]]) -> Iterator[Difference]:
    if not events or events[0]["event"] != "run_started":
        yield Difference(LOG, "does not begin with the start of a run")
    if not events or events[-1]["event"] != "run_finished":
        yield Difference(LOG, "does not end with the end of the run")


def _against_sums(folder: Path, files: list[str]) -> Iterator[Difference]:
    stated: dict[str, str] = {}
    text = (folder / SUMS).read_bytes().decode("utf-8", errors="replace")
    for number, line in enumerate(text.split("\n")[:-1] or [text], start=1):
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != len(GENESIS) or not _stays_inside(name):
            yield Difference(SUMS, f"line {number}: is no line of a checksum file")
            return
        stated[name] = digest
    if not text.endswith("\n"):
        yield Difference(SUMS, "is cut off")
    for name in sorted(set(stated) - set(files)):
        yield Difference(name, "is missing")
    for name in sorted(set(files) - set(stated)):
        yield Difference(name, "is not part of the sealed pack")
    for name in sorted(set(files) & set(stated)):
        if sha256(folder / name) != stated[name]:
            yield Difference(name, "has been changed")


def _against_log(folder: Path, events: list[dict[str, Any]]) -> Iterator[Difference]:
    """Hold files, parameters and thresholds against what the log says of them."""
    if not events:
        return
    started = events[0]
    if _digest(started.get("gates")) != started.get("gates_digest"):
        yield Difference(LOG, "holds other thresholds than those fixed in the first event", 0)
    parameters = dict(started.get("parameters") or {})
    for name in NOT_IDENTITY:
        parameters.pop(name, None)
    if _digest(parameters, ascii_only=True) != started.get("parameters_digest"):
        yield Difference(LOG, "holds other parameters than those fixed in the first event", 0)
    for name, (digest, since) in logged_files(events).items():
        if not _stays_inside(name):
            yield Difference(name, "is a path that leaves the run folder", since)
        elif not (folder / name).is_file():
            yield Difference(name, "is missing, but the log says it was written", since)
        elif sha256(folder / name) != digest:
            yield Difference(name, "is not what the log says was written", since)


def logged_files(events: list[dict[str, Any]]) -> dict[str, tuple[str, int]]:
    """Return the digest of each file that the log names, and the event that last did."""
    found: dict[str, tuple[str, int]] = {}
    for event in events:
        kind = event["event"]
        key = "files" if kind == "datasets_written" else "artefacts"
        stated = event.get(key)
        if isinstance(stated, dict):
            found.update({name: (digest, event["seq"]) for name, digest in stated.items()})
    return found


def _against_crate(folder: Path, files: list[str]) -> Iterator[Difference]:
    """Hold the crate against the files: each is described, and as it is."""
    if CRATE not in files:
        return
    try:
        graph = json.loads((folder / CRATE).read_bytes())["@graph"]
        described = {str(one["@id"]): one for one in graph if _is_file(one)}
    except (ValueError, KeyError, TypeError, RecursionError):
        yield Difference(CRATE, "is no crate")
        return
    for name in sorted(set(described) - set(files)):
        yield Difference(CRATE, f"describes {name}, which is not there")
    for name in sorted(set(files) - set(described) - {CRATE}):
        yield Difference(CRATE, f"does not describe {name}")
    for name in sorted(set(described) & set(files)):
        stated = described[name].get("sha256")
        if stated is not None and stated != sha256(folder / name):
            yield Difference(CRATE, f"describes another {name}")


def _is_file(entity: Mapping[str, Any]) -> bool:
    kind = entity.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return "File" in kinds and "://" not in str(entity["@id"])


def _against_crosswalk(folder: Path) -> Iterator[Difference]:
    """Hold the crosswalk against the files that it points to."""
    if not (folder / CROSSWALK).is_file():
        return
    try:
        rows = json.loads((folder / CROSSWALK).read_bytes())["rows"]
        named = {name for row in rows for name in row["artefacts"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        yield Difference(CROSSWALK, "is no crosswalk")
        return
    for name in sorted(named):
        if not _stays_inside(name) or not (folder / name).exists():
            yield Difference(CROSSWALK, f"points to {name}, which is not there")


def _unsafe(folder: Path, files: list[str]) -> Iterator[Difference]:
    """Name what runs code when somebody reads it: pickles, by name and by content."""
    for name in files:
        path = folder / name
        if name.lower().endswith(UNSAFE_SUFFIXES) or _begins_as_pickle(path):
            yield Difference(name, "is a kind of file that can run code when read")
        elif name.endswith((".npy", ".npz")) and _holds_objects(path):
            yield Difference(name, "holds arrays of objects, which can run code when read")


def _begins_as_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in PICKLE_OPENINGS


def _holds_objects(path: Path) -> bool:
    """Say whether an array file holds objects: NumPy keeps those as pickles."""
    try:
        if path.suffix == ".npy":
            with path.open("rb") as file:
                return _is_of_objects(file.read(512))
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as part:
                    if _is_of_objects(part.read(512)):
                        return True
    except (OSError, zipfile.BadZipFile, ValueError):
        return False  # damaged: its digest says so
    return False


def _is_of_objects(header: bytes) -> bool:
    descr = header.partition(b"'descr':")[2].partition(b"'fortran_order'")[0]
    return b"O'" in descr


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


def _digest(value: Any, ascii_only: bool = False) -> str:
    """Return the SHA-256 of a value as sorted JSON on one line."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
