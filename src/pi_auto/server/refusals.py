"""Tells the operator of refused requests: of a kind the first at once, the number an hour later.

Somebody who tries doors makes thousands of them; a log with a line for each would be one more attack.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

TOLD = {400, 401, 403, 411, 413, 414, 415, 429, 431, 503}
_EVERY = 3600.0  # seconds
_MOST_PATH = 80
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kind:
    told_at: float
    since: int = 0


class Refusals:
    """What was refused at one port, by its status."""

    def __init__(self, port: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._port, self._clock = port, clock
        self._kinds: dict[int, _Kind] = {}
        self._lock = threading.Lock()

    def note(self, status: int, method: str, path: str, peer: str) -> None:
        """One request was answered with this status."""
        if status not in TOLD:
            return
        with self._lock:
            now, kind = self._clock(), self._kinds.get(status)
            if kind and now - kind.told_at < _EVERY:
                kind.since += 1
                return
            before, self._kinds[status] = kind.since if kind else 0, _Kind(now)
        more = f", after {before} more like it" if before else ""
        _log.warning(
            "%s: refused with %d: %s %s from %s%s; the next hour's are counted only",
            self._port, status, ascii(method[:16])[1:-1], ascii(path[:_MOST_PATH]), peer, more,
        )  # fmt: skip
