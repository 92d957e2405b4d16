"""Whether events are being read, as far as can be told from what goes wrong; each cause is logged once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Reading:
    """What is known about a stream of events. `settled` seconds without a failure mean that it is read."""

    def __init__(self, settled: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._settled, self._clock = settled, clock
        self._began = False
        self._failed_at: float | None = None
        self._told = ""

    def begin(self) -> None:
        """A part of the stream is ours to read."""
        self._began = True

    def arrived(self) -> None:
        """Events came: it is well, whatever was before."""
        if self._told:
            _log.info("the hub's events are read again")
        self._began, self._failed_at, self._told = True, None, ""

    def failed(self, error: Exception) -> None:
        """It was interrupted, and goes on by itself."""
        cause = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
        self._failed_at = self._clock()
        if cause != self._told:
            _log.warning("the hub's events cannot be read: %s", cause)
            self._told = cause

    def state(self) -> bool | None:
        """Whether it is read; None while that is not known."""
        if self._failed_at is not None and self._clock() - self._failed_at < self._settled:
            return False
        return True if self._began else None
