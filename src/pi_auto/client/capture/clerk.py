"""The clerk: the only thread of capture that writes scans, or a log. What it does stands in storing.py.

It loads what that needs (SQLite, the spool) by itself, so that after a crash the reader is back at
the scanners in half the time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.inbox import Inbox
from pi_auto.client.capture.signals.signaller import Signals
from pi_auto.client.clock import Now
from pi_auto.client.spool.errors import SpoolRefused

_log = logging.getLogger("pi_auto.capture")


class Clerk(threading.Thread):
    """Empties the inbox into the spool of `folder`; `died` is called if it cannot go on."""

    def __init__(
        self,
        inbox: Inbox,
        folder: Path,
        agent: Path,
        now: Now,
        died: Callable[[], None],
        bulletin: Bulletin,
        signals: Signals,
        *,
        log_barcodes: bool,
        is_examined: bool = False,
    ) -> None:
        super().__init__(name="clerk", daemon=True)
        self._inbox, self._folder, self._agent, self._now, self._died = inbox, folder, agent, now, died
        self._bulletin, self._signals, self._log_barcodes = bulletin, signals, log_barcodes
        self._is_examined = is_examined
        self.unsaved = 0
        self.failure: Exception | None = None

    def run(self) -> None:
        """Work until the inbox is closed and everything is stored, or cannot be."""
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the process must not go on without a clerk
            self.failure = error
            known = isinstance(error, SpoolRefused)
            _log.critical("capture cannot go on: %s", error, exc_info=None if known else error)
            self._died()

    def _work(self) -> None:
        from pi_auto.client.capture.storing import Storing  # noqa: PLC0415 - while the reader reads already

        storing = Storing(
            self._inbox,
            self._folder,
            self._agent,
            self._now,
            self._bulletin,
            self._signals,
            log_barcodes=self._log_barcodes,
            is_examined=self._is_examined,
        )
        try:
            storing.work()
        finally:
            self.unsaved = storing.unsaved
