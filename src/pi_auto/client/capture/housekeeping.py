"""Keeps the spool small and sound: prunes what every destination has settled, looks for damage.

Delivered scans stay 7 days while there is room, so that a server restored from a backup can
ask for them again. What is not delivered is never dropped, however full the disk.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from pi_auto.client.spool.settled import settled_everywhere
from pi_auto.client.spool.writer import Spool

KEEP_SECONDS = 7 * 24 * 3600.0
_EVERY, _FIRST = 600.0, 60.0  # seconds
_MOST_SECONDS = 10.0  # for one round
_LEAST_FREE, _LEAST_SHARE = 256 * 1024 * 1024, 0.05  # whichever is less


def is_low(free: int, total: int) -> bool:
    """Whether a disk with so many bytes free is so full that delivered scans have to go before their time."""
    return free < min(_LEAST_FREE, total * _LEAST_SHARE)


class Housekeeper:
    """Knows when it is time again; `work` does a round."""

    def __init__(self, folder: Path, marks: Path) -> None:
        self._folder, self._marks = folder, marks
        self._next = time.monotonic() + _FIRST

    def seconds_left(self) -> float:
        """Until the next round; 0 when it is due."""
        return max(self._next - time.monotonic(), 0)

    def work(self, spool: Spool, disturbed: Callable[[], bool]) -> None:
        """A round, broken off when it is `disturbed`: scans must not wait. SpoolDamaged if damage is found."""
        self._next = time.monotonic() + _EVERY
        deadline = time.monotonic() + _MOST_SECONDS

        def give_up() -> bool:
            return disturbed() or time.monotonic() > deadline

        settled = settled_everywhere(self._marks, spool.uuid)
        if settled is not None:
            prune(spool, settled, self.disk_is_low, give_up)
        spool.check(give_up)

    def disk_is_low(self) -> bool:
        """Whether the disk is so full that delivered scans have to go before their time."""
        disk = os.statvfs(self._folder)
        return is_low(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)


def prune(spool: Spool, settled: int, low: Callable[[], bool], give_up: Callable[[], bool]) -> int:
    """Delete settled records that are old, and while the disk is `low` also younger ones; say how many went."""
    gone = 0
    while not give_up() and (rows := spool.prune(settled, stored_before=time.time() - KEEP_SECONDS)):
        gone += rows
    if gone:
        spool.give_back_room()
    while not give_up() and low() and (rows := spool.prune(settled, stored_before=math.inf)):
        spool.give_back_room()
        gone += rows
    return gone
