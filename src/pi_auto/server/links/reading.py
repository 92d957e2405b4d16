"""Whether events are being read, as far as can be told from what goes wrong; each cause is logged now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_AGAIN = 600.0  # seconds until the same cause is told a second time
_MOST_SAID = 300
_STOLEN = "amqp:link:stolen"
_log = logging.getLogger(__name__)


class Reading:
    """What is known about a stream of events. `settled` seconds without a failure mean that it is read."""

    def __init__(self, settled: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._settled, self._clock = settled, clock
        self._began = False
        self._failed_at: float | None = None
        self._told, self._told_at = "", 0.0

    def begin(self) -> None:
        """A part of the stream is ours to read."""
        self._began = True

    def arrived(self) -> None:
        """Events came: it is well, whatever was before."""
        self._began, self._failed_at = True, None

    def failed(self, error: Exception) -> None:
        """It was interrupted, and goes on by itself."""
        self._failed_at = now = self._clock()
        cause = _cause(error)
        if cause != self._told or now - self._told_at > _AGAIN:
            _log.warning("the hub's events cannot be read: %s", cause)
            self._told, self._told_at = cause, now

    def state(self) -> bool | None:
        """Whether it is read; None while that is not known."""
        if self._failed_at is not None and self._clock() - self._failed_at < self._settled:
            return False
        return True if self._began else None


def _cause(error: Exception) -> str:
    said = " ".join(str(error).split())
    if _STOLEN in said:
        return "somebody else reads by the same consumer group; give each fleet's servers one of their own"
    return f"{type(error).__name__}: {said[:_MOST_SAID]}"
