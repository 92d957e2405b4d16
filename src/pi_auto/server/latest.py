"""The latest moment that there has been by this process's clock: one that is put back takes nothing back.

What runs out goes by this, where a stranger gains by its not running out: the sessions and links of people. Both
making and judging ask here, so that a clock which was ahead for a while and is right again lets people in as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta


class Latest:
    """Rises with the clock, and as fast as time passes where the clock does not. For any number of threads."""

    def __init__(self, running: Callable[[], float] = time.monotonic) -> None:
        self._running, self._lock = running, threading.Lock()
        self._moment: datetime | None = None
        self._ran = 0.0

    def of(self, now: datetime) -> datetime:
        """The latest moment, where the clock says that it is `now`."""
        with self._lock:
            ran = self._running()
            passed = self._moment and self._moment + timedelta(seconds=ran - self._ran)
            self._moment, self._ran = max(now, passed or now), ran
            return self._moment
