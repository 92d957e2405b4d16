"""Somebody who works beside the test, in a thread of his own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class AtWork(ABC):
    """From `start` to `stop`, and from the next `start` on again."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread()

    def start(self) -> None:
        """Begin, or go on."""
        self._over.clear()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self) -> None:
        """Work no more; whether or not it was begun."""
        self._over.set()
        if self._thread.ident:
            self._thread.join()

    @abstractmethod
    def _work(self) -> None:
        """Until `_over` is set."""
