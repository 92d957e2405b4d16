"""A stream for the log that nobody waits for: a paused terminal or a stuck reader must not stop the scanning.

Text waits in memory, bounded, and a thread of its own writes it out. What does not fit is
counted, and the count written once there is room again.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from queue import Full, Queue

_MOST_WAITING = 10_000  # lines


class PatientStream:
    """As much of a text stream as logging uses, onto a descriptor; only its own thread waits for that."""

    def __init__(self, descriptor: int, most: int = _MOST_WAITING) -> None:
        self._descriptor = descriptor
        self._waiting: Queue[str] = Queue(most)
        self._dropped = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def write(self, text: str, /) -> int:
        """Take text to be written; it is dropped where too much waits already."""
        try:
            self._waiting.put_nowait(text)
        except Full:
            self._dropped += 1
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="log", daemon=True)
                self._thread.start()
        return len(text)

    def flush(self) -> None:
        """Nothing: that would be waiting."""

    def drain(self, seconds: float) -> None:
        """Wait until everything is written, but no longer than so."""
        done = self._waiting.all_tasks_done
        with done:
            done.wait_for(lambda: not self._waiting.unfinished_tasks, seconds)

    def _work(self) -> None:
        while True:
            text = self._waiting.get()
            if self._dropped:
                text += f"... and {self._dropped} lines that nobody took in time\n"
                self._dropped = 0
            with suppress(OSError):  # nobody reads any more
                _write(self._descriptor, text.encode("utf-8", "backslashreplace"))
            self._waiting.task_done()


def _write(descriptor: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(descriptor, octets) :]
