"""Processes and signals: what ends with whom, and what must not be torn apart."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def end_with_parent() -> None:
    """Where the system can do so, it ends this process when the one that forked it ends, whatever this one is doing."""
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def first_of_child() -> Callable[[], None] | None:
    """What a child is to do before it becomes another program: `preexec_fn` of subprocess."""
    return end_with_parent if sys.platform == "linux" else None


def is_alive(process: int) -> bool:
    """Whether there is a process of this number."""
    if os.name != "posix":
        return True  # asking would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C and a polite end wait until the inside is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: caught.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if caught:
            signal.raise_signal(caught[0])
