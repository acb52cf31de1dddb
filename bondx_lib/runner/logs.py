"""The log file of a run: what its process says besides the events, one JSON object per line.

For people who look for a fault; nothing is replayed from it. Its size is bounded: a full file gets
a number and a new one is begun, and the oldest goes.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

FOLDER: Final = "logs"
NAME: Final = "run.log"
LOGGERS: Final = ("bondx", "papermill", "py.warnings")
MAX_BYTES: Final = 2_000_000
OLDER_FILES: Final = 3


class JsonLines(logging.Formatter):
    """One record as one JSON object: time, level, logger, message, epoch, and the error if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its line feed."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "epoch": getattr(record, "epoch", None),
        }
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


class RunLog(logging.handlers.RotatingFileHandler):
    """Takes log messages and warnings from the terminal to the run's log file until it is ended.

    Parameters
    ----------
    run_dir
        The run folder.
    level
        Least severe message that is kept.

    Attributes
    ----------
    current_epoch
        Written into every line, None outside of epochs.
    """

    def __init__(self, run_dir: Path, level: str) -> None:
        (run_dir / FOLDER).mkdir(exist_ok=True)
        super().__init__(
            run_dir / FOLDER / NAME, maxBytes=MAX_BYTES, backupCount=OLDER_FILES, encoding="utf-8"
        )
        self.namer = _numbered
        self.current_epoch: int | None = None
        self._wanted = level
        self._before: list[tuple[logging.Logger, int, bool]] = []
        self.setFormatter(JsonLines())

    def __enter__(self) -> RunLog:
        for one in map(logging.getLogger, LOGGERS):
            self._before.append((one, one.level, one.propagate))
            one.addHandler(self)
            one.setLevel(self._wanted)
            one.propagate = False
        logging.captureWarnings(True)
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """Write nothing more, so that the file can be sealed; safe to call again."""
        logging.captureWarnings(False)
        while self._before:
            one, level, propagate = self._before.pop()
            one.removeHandler(self)
            one.setLevel(level)
            one.propagate = propagate
        self.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, with the epoch at work."""
        record.epoch = self.current_epoch
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Go on without the line: a full disk is reported by the work, not by its notes."""


def _numbered(full: str) -> str:
    """Return ``run.1.log`` for ``run.log.1``: every log file ends in ``.log``."""
    path = Path(full)
    return str(path.with_name(f"{Path(NAME).stem}{path.suffix}{Path(NAME).suffix}"))
