"""Who may wait for a body that is still on its way: a bounded number of threads, and few of them for one caller.

A body may come very slowly, or never, and costs its sender nothing. So strangers and devices have seats apart:
those who have proved nothing keep no device from delivering. Of strangers an address counts, of devices each, and
of operators, who send forms, each as well.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from pi_auto.server.api.errors import Crowded

_WITHIN = 0.2  # seconds; a body that is there already is read in far less


class BodySeats:
    """`most` altogether, `each` of one caller."""

    def __init__(self, most: int, each: int) -> None:
        self.most, self.each = most, each
        self._taken: Counter[str] = Counter()
        self._total = 0
        self._changed = threading.Condition()

    @contextmanager
    def one(self, who: str) -> Iterator[None]:
        """A seat while a body is read. Raises Crowded."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(who), _WITHIN):
                raise Crowded(f"{self._total} messages are still on their way to the server")
            self._taken[who] += 1
            self._total += 1
        try:
            yield
        finally:
            with self._changed:
                self._total -= 1
                self._taken[who] -= 1
                if not self._taken[who]:
                    del self._taken[who]
                self._changed.notify_all()

    def _is_free(self, who: str) -> bool:
        return self._total < self.most and self._taken[who] < self.each


STRANGERS = BodySeats(48, each=32)  # one address may be that of a whole site which enrols at once
DEVICES = BodySeats(64, each=4)
OPERATORS = BodySeats(8, each=4)
