"""What the threads that must not wait leave for the clerk: drafts to store, notes to log. Bounded."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue

from pi_auto.client.spool.drafts import Draft
from pi_auto.frozen import frozen

MOST_WAITING = 10_000  # some 10 MB; hours of scanning, should the disk take nothing


@frozen
class Note:
    """A line for the log, at a level of `logging`."""

    level: int
    text: str


@frozen
class _Closed:
    """Nothing comes after this."""


class Inbox:
    """A queue into which putting never waits; beyond its bound things are counted in `overflow` and dropped."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Draft | Note | _Closed] = SimpleQueue()
        self._closed = threading.Event()
        self.overflow = 0

    def put(self, item: Draft | Note) -> None:
        """Leave something for the clerk."""
        if self._queue.qsize() < MOST_WAITING:
            self._queue.put(item)
        elif not isinstance(item, Note):
            self.overflow += 1

    def close(self) -> None:
        """Say that no more will come."""
        self._closed.set()
        self._queue.put(_Closed())

    def is_waiting(self) -> bool:
        """Whether there is anything to take."""
        return not self._queue.empty()

    def take(self, most: int, timeout: float) -> tuple[list[Draft | Note], bool]:
        """Everything that waits (at most `most`), after at most `timeout` seconds; and whether that is the end."""
        if most <= 0:
            return [], self._closed.wait(timeout)
        taken: list[Draft | Note] = []
        try:
            item = self._queue.get(timeout=timeout)
            while not isinstance(item, _Closed):
                taken.append(item)
                if len(taken) >= most:
                    return taken, False
                item = self._queue.get_nowait()
        except Empty:
            return taken, False
        return taken, True
