"""The one moment in which it changes who reads: between two codes, in milliseconds, in the thread that reads.

Once it has told the successor to go on, this process reads nothing any more unless that one is gone for good.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from pi_auto.client.capture.errors import NotTakenOver
from pi_auto.client.capture.succession.child import Child
from pi_auto.client.clock import boottime_ns
from pi_auto.client.notify import Manager
from pi_auto.typed import Any

READS_WITHIN = 5.0  # seconds in which no key is read: then the successor is ended


class Moment:
    """`barrier` is, once the successor reads, what hangs up when the service manager knows of it."""

    def __init__(self, child: Child, manager: Manager) -> None:
        self._child, self._manager = child, manager
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._failed: NotTakenOver | None = None
        self.barrier: int | None = None

    def come(self, memory: dict[str, Any], guard: Callable[[], None]) -> bool:
        """In the reader's thread: whether the successor reads from now on. `guard`: it may have begun."""
        with self._lock:
            if self._is_over.is_set():
                return False
            try:
                self._child.way.say({"go": memory, "at": boottime_ns()})
                self._hear_that_it_reads(guard)
            except NotTakenOver as error:
                self._failed = error
            self._is_over.set()
            return self._failed is None

    def wait(self, patience: float) -> None:
        """In another thread, until it has come. Raises NotTakenOver if it does not, or if that was in vain."""
        if not self._is_over.wait(patience):
            with self._lock:
                if not self._is_over.is_set():
                    self._is_over.set()
                    self._failed = NotTakenOver(f"codes follow each other without a pause, for {patience:g} s")
        if self._failed:
            raise self._failed

    def _hear_that_it_reads(self, guard: Callable[[], None]) -> None:
        way = self._child.way
        before = way.heard
        try:
            way.hear(READS_WITHIN, "reads")
        except NotTakenOver as error:
            self._child.end()  # before anything else is read: never do two
            way.hear_out()
            if error.is_fault and way.heard > before:  # who has said nothing, or no, has read nothing
                guard()
            raise
        self.barrier = self._manager.replaced_by(self._child.process)
