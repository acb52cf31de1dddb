"""Signals that ask a run to end: the first is handed over, a second one ends the process at once.

Ctrl-C (SIGINT), SIGTERM, and SIGHUP, which a terminal sends when it is closed. Where SIGHUP is
ignored already, as under ``nohup``, it stays so; after the first signal it is ignored, because a
shell and its terminal may both send it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

from bondx_lib.errors import ExitCode

ASK: Final = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def heeded(interrupt: Callable[[str], None]) -> Iterator[bool]:
    """Hand the first signal's name over until the block ends.

    Yields whether that is so: only in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield False
        return

    def at_once(number: int, frame: FrameType | None) -> None:
        os._exit(ExitCode.INTERRUPTED)

    def cleanly(number: int, frame: FrameType | None) -> None:
        for name in ASK:
            signal.signal(name, at_once)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        interrupt(signal.Signals(number).name)

    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    heard = (*ASK, signal.SIGHUP) if hangs_up else ASK
    before = {name: signal.signal(name, cleanly) for name in heard}
    try:
        yield True
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
