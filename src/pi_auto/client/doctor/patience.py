"""Work that may hang (a resolver, a dead address) is done aside, so that whoever waits for it can stop waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Aside(Generic[T]):
    """Work that has begun in a thread of its own. One that never ends is left to the end of the process."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self, deadline: float) -> T:
        """What came of it, or what it raised; TimeoutError if it has not ended by then (time.monotonic)."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._error is not None:
            raise self._error
        if not self._result:
            raise TimeoutError
        return self._result[0]

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._error = error


class Once(Generic[T]):
    """Work that several threads want the result of: the first does it, the others wait for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._result: list[T] = []

    def __call__(self) -> T:
        """What came of it."""
        with self._lock:
            if not self._result:
                self._result.append(self._work())
            return self._result[0]
