"""What is done for the spool while no scan comes, so that no scan has to wait for it.

A commit that makes SQLite's log longer costs a disk half as much again as one into room that is there already; and
once a thousand pages stand in the log, SQLite moves them into the spool in the middle of a commit. So room is
made, and the log moved, a second after the last scan. Where scans never pause SQLite does both, as it always did.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress

from pi_auto.client.spool.writer import Spool

_QUIET = 1.0  # seconds without a scan
_MANY = 100  # records in the log, each of two pages or more


class Rest:
    """Knows when it is time; `is_low` tells that the disk has no room to spare."""

    def __init__(self, is_low: Callable[[], bool]) -> None:
        self._is_low = is_low
        self._in_log = 0
        self._has_room = False
        self._due = math.inf

    def opened(self) -> None:
        """A spool was opened; its log is as short as can be."""
        self._has_room, self._in_log = False, 0
        self._put_off()

    def stored(self, records: int) -> None:
        """So many records were stored just now."""
        self._in_log += records
        self._put_off()

    def seconds_left(self) -> float:
        """Until there is something to do; infinite if there is nothing."""
        return max(self._due - time.monotonic(), 0)

    def work(self, spool: Spool) -> None:
        """Do it, if it is time. SpoolDamaged if damage is found."""
        if self.seconds_left() > 0:
            return
        self._due = math.inf
        with suppress(sqlite3.Error):  # a disk that is full just now: commits get on without
            self._work(spool)

    def _work(self, spool: Spool) -> None:
        if self._in_log >= _MANY:
            self._in_log = 0
            spool.move_log()
        if not self._has_room and not self._is_low():
            self._has_room = True
            spool.make_room()

    def _put_off(self) -> None:
        if self._in_log >= _MANY or not self._has_room:
            self._due = time.monotonic() + _QUIET
