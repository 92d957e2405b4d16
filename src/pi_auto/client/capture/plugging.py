"""Waits until a device may have been plugged in: by the kernel's word where it gives one, else by the clock.

udev gives a new event node its group a moment after the kernel has made it; the kernel tells of that
by inotify(7), as of every change of a node's rights. Nothing here opens a device, and what cannot be
watched is only noticed later.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SETTLED = 0.2  # seconds from the node's rights to its names under by-id, on a slow Pi
_IN_ATTRIB, _IN_MOVED_TO = 0x04, 0x80  # inotify.h
_MOST = 64 * 1024


class Plugging:
    """A wait that ends early when somebody rings, or when something has changed in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.fsencode(folder)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._watch: Callable[[], int] | None = None

    def ring(self) -> None:
        """End the wait, from any thread and without waiting."""
        os.eventfd_write(self._bell, 1)

    def wait(self, seconds: float | None) -> None:
        """Until somebody rings, until what was plugged in has settled, or until the time is over."""
        # The folder comes with the first device and goes with the last, so it is asked for anew each time.
        self._watch = self._watch or _watch_of(self._folder)
        inotify = self._watch()
        watched = [self._bell, inotify] if inotify >= 0 else [self._bell]
        ready = select.select(watched, [], [], seconds)[0]
        if inotify in ready:
            time.sleep(SETTLED)
            with suppress(BlockingIOError):
                os.read(inotify, _MOST)
        if self._bell in ready:
            os.eventfd_read(self._bell)


def _watch_of(folder: bytes) -> Callable[[], int]:
    """What begins to watch a folder, or goes on to, and gives what to wait for; negative: nothing."""
    import ctypes  # noqa: PLC0415 - loaded when the scanners that are plugged in are open already

    libc = ctypes.CDLL(None)
    inotify: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)

    def watch() -> int:
        libc.inotify_add_watch(inotify, folder, _IN_ATTRIB | _IN_MOVED_TO)
        return inotify

    return watch
