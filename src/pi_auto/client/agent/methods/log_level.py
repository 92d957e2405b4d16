"""`set_log_level`: the agent logs from another level up, and by itself as usual again after some minutes.

The level is held in memory alone: a restart ends it, and no device logs at DEBUG for good
because somebody forgot it.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from pi_auto.wire.methods import DONE, Answer

log = logging.getLogger("pi_auto.methods")


class LogLevel:
    """The level of `logger`, lent out for a while. For all threads; a later loan ends an earlier one."""

    def __init__(self, logger: logging.Logger, minute: float = 60.0) -> None:
        """`minute` is how many seconds one has; a test has shorter ones."""
        self._logger, self._minute = logger, minute
        self._own = self._usual = logger.level
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def method(self, values: dict[str, Any]) -> Answer:
        """The direct method."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(values["minutes"] * self._minute, self._back)
            self._timer.daemon = True
            self._timer.start()
            self._logger.setLevel(values["level"])
        log.warning("logging from %s up for %d minutes", values["level"], values["minutes"])
        return Answer(DONE, values)

    def usual(self, level: str | None) -> None:
        """Log from `level` up whenever there is no loan; None is what the device's own settings say."""
        with self._lock:
            self._usual = self._own if level is None else logging.getLevelNamesMapping()[level]
            if self._timer is None:
                self._logger.setLevel(self._usual)

    def _back(self) -> None:
        with self._lock:
            if self._timer is threading.current_thread():  # else a later loan has begun meanwhile
                self._logger.setLevel(self._usual)
                self._timer = None
