"""What a worker of the agent sleeps on: it wakes for the reasons it names, and always to stop.

A wake-up that comes before the sleep is not lost. Made of an eventfd, so that a worker
can also wait for it beside a socket of its own.
"""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from enum import Flag, auto


class Reason(Flag):
    """Why a worker is woken."""

    RECORD = auto()  # capture has stored something
    STANDING = auto()  # the server has given the device something new, or is to be asked for it
    NETWORK = auto()  # this device's own way into the network is another one
    UPDATE = auto()  # the fleet wants the server to be asked for an update now
    STOP = auto()  # the agent ends; never taken back


class Wakeups:
    """The wake-ups of one worker. Any thread may wake; one thread sleeps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending = Reason(0)
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def wake(self, reason: Reason) -> None:
        """Wake the worker, now or when it next sleeps."""
        with self._lock:
            self._pending |= reason
            if self._event >= 0:
                os.eventfd_write(self._event, 1)

    def sleep(self, seconds: float, until: Reason = Reason.STOP) -> Reason:
        """Sleep for `seconds`, or until woken for one of the reasons, which are taken and returned, or to stop."""
        deadline = time.monotonic() + seconds
        while not (taken := self.take(until)) and not self.stopped:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            readable(left, self.fileno())
        return taken

    def take(self, reasons: Reason) -> Reason:
        """Which of the reasons have come since they were last taken."""
        with self._lock:
            _drain(self._event)
            taken = self._pending & reasons
            self._pending &= ~taken | Reason.STOP
            return taken

    @property
    def stopped(self) -> bool:
        """Whether the worker is to end."""
        return Reason.STOP in self._pending

    def fileno(self) -> int:
        """Readable once woken for whatever reason, until `take`."""
        return self._event

    def close(self) -> None:
        """Give the descriptor back; later wake-ups do nothing."""
        with self._lock:
            os.close(self._event)
            self._event = -1


def readable(seconds: float, *descriptors: int, writing: int | None = None) -> None:
    """Wait until one of the descriptors can be read, `writing` be written, or the time is over."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    if writing is not None:
        poll.register(writing, select.POLLIN | select.POLLOUT)
    poll.poll(max(0.0, seconds) * 1000)


def _drain(event: int) -> None:
    with suppress(BlockingIOError):
        os.eventfd_read(event)
