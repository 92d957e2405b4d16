"""SIGTERM and SIGINT as something to poll, so that a loop that waits for keys also hears them; and SIGUSR1."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_ASKED = signal.SIGUSR1
_MOST = 64


def is_told_to_stop(descriptor: int, asked: Callable[[], None]) -> bool:
    """Whether one that is readable tells to stop; `asked` is called if it tells of SIGUSR1 alone."""
    if set(os.read(descriptor, _MOST)) != {_ASKED}:
        return True
    asked()
    return False


@contextmanager
def stop_signals(*others: signal.Signals) -> Iterator[int]:
    """A descriptor that becomes readable when the process is told to stop. For the main thread.

    With SIGUSR1 among `others` it tells of that as well: see `is_told_to_stop`.
    """
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    handlers = {number: signal.signal(number, lambda *_: None) for number in (*_SIGNALS, *others)}
    former = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(former)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)
