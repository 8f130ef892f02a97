"""A limit of time on what runs in this very process, where the system has an alarm (not on Windows)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TimeIsUp(BaseException):
    """What ran has reached its limit. No `except Exception` on the way keeps it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeIsUp inside after so many seconds; without a limit where there is no alarm, off the main thread, or for 0."""
    if not seconds or not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
