"""Notes when the clock is set, and gives scans on their way the times that follow from it.

Asked by whoever is about to send, so that nothing wakes up for it. Scans that leave while their
time is not known are remembered, and sent to the server once more when it is: it takes the time over.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pi_auto.client.agent.timekeeping.boots import EPOCH, Boot, Boots, store_boots, stored_boots
from pi_auto.client.agent.timekeeping.correcting import corrected
from pi_auto.client.agent.timekeeping.neighbours import in_order, inferred
from pi_auto.client.clock import ClockReading
from pi_auto.client.spool.reader import SpoolReader, Unreadable
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Record, Scan

log = logging.getLogger("pi_auto.times")

# systemd-timesyncd tells the kernel of no error at all, and lets the clock glide over up to 0.4 s.
LEAST_ERROR_MS = 500
_MS = 1_000_000
_MICROSECOND = timedelta(microseconds=1)
_FAR = 300_000_000_000  # nanoseconds: as far from the floor root's helper leaves a clock that the network sets
_STEP = 250_000_000  # nanoseconds; wall clock and CLOCK_BOOTTIME glide together, so a difference is a step

Item = Record | Unreadable


class Timekeeper:
    """Keeps what it knows in `folder`; `read` reads this machine's clocks. For all threads."""

    def __init__(self, folder: Path, read: Callable[[], ClockReading]) -> None:
        self._folder, self._read = folder, read
        self._lock = threading.Lock()
        self._here = read().boot_id
        self._boots = stored_boots(folder)
        self._inferred: dict[str, Boot | None] = {}
        self._overruled = False  # whether the network has set this boot's clock wrong, by the fleet's proof
        self._keep(self._boots.having(self._this_boot()))

    def look(self) -> None:
        """Note it if the clock was set, or set anew, since the last look."""
        reading = self._read()
        with self._lock:
            boot = self._this_boot()
            if not reading.synced or (is_as_known(boot, reading) and not boot.by_fleet):
                return
            if self._overruled and is_far(boot, reading):
                return
            error = max(reading.error_ms, LEAST_ERROR_MS)
            measured = replace(
                boot, until_ns=reading.boottime_ns, offset_ns=reading.offset_ns, measured_ns=reading.boottime_ns,
                error_ms=error, by_fleet=False,
            )  # fmt: skip
            self._know(measured)
        log.info("the clock was set, to %d ms; scans from before are sent with corrected times", error)

    def told(self, moment: datetime, asked_ns: int, answered_ns: int, *, overrules: bool = False) -> None:
        """The fleet has signed that it was `moment` at some time between two of this boot's CLOCK_BOOTTIME.

        What the network has set in this boot counts for more, and a narrower answer for more than a wider one.
        With `overrules` the network's time is proven wrong, and counts again only where it is near the fleet's.
        """
        self.look()
        half = (answered_ns - asked_ns) // 2
        measured = Boot(
            self._here, answered_ns, (moment - EPOCH) // _MICROSECOND * 1000 - asked_ns - half, answered_ns,
            LEAST_ERROR_MS + half // _MS, by_fleet=True,
        )  # fmt: skip
        with self._lock:
            self._overruled = self._overruled or overrules
            boot = self._this_boot()
            known = boot.offset_ns is not None and not (overrules and is_far(boot, measured))
            if known and (not boot.by_fleet or boot.error_ns(answered_ns) < measured.error_ns(answered_ns)):
                return
            self._know(measured)
        log.info("the fleet has signed the time, to %d ms; scans without one get theirs by it", measured.error_ms)

    def reinstate_network(self) -> None:
        """What the network sets counts for more than the fleet's word, as ever."""
        self._overruled = False

    def this_boot(self) -> Boot:
        """What is known of it by now."""
        with self._lock:
            return self._this_boot()

    def corrected(self, items: Sequence[Item], reader: SpoolReader, *, repeatable: bool) -> tuple[Item, ...]:
        """The items as they are to be sent now. Raises SpoolUnavailable.

        What is `repeatable` is owed a second sending if its time may be known later.
        """
        with self._lock:
            known = tuple(self._correct(item, reader) if isinstance(item, Scan) else item for item in items)
            if repeatable and self._this_boot().offset_ns is None:
                self._owe(known)
            return known

    def due(self) -> Position | None:
        """From where on records are to be sent once more, now that the clock is set; None if none are."""
        with self._lock:
            return None if self._this_boot().offset_ns is None else self._boots.owed

    def paid(self) -> None:
        """They will be."""
        with self._lock:
            self._keep(self._boots.owing(None))

    def close(self) -> None:
        """Note how long this boot has lasted by now: the next one begins after that."""
        reading = self._read()
        with self._lock:
            self._keep(self._boots.having(replace(self._this_boot(), until_ns=reading.boottime_ns)))

    def _this_boot(self) -> Boot:
        return self._boots.find(self._here) or Boot(self._here)

    def _know(self, measured: Boot) -> None:
        self._inferred.clear()
        self._keep(self._boots.having(measured))

    def _keep(self, boots: Boots) -> None:
        if boots == self._boots:
            return
        self._boots = boots
        try:
            store_boots(self._folder, boots)
        except OSError as error:  # it is known until the agent ends all the same
            log.warning("when the clock was set cannot be kept in %s: %s", self._folder, error.strerror)

    def _correct(self, scan: Scan, reader: SpoolReader) -> Scan:
        boot = self._boots.find(scan.stamp.boot_id)
        if (boot is None or boot.offset_ns is None) and not scan.stamp.synced:
            boot = self._from_neighbours(scan.stamp.boot_id, reader)
        return corrected(scan, boot)

    def _from_neighbours(self, boot_id: str, reader: SpoolReader) -> Boot | None:
        """Asks the spool once a boot: a long outage leaves many records."""
        if boot_id == self._here:
            return None  # nothing has come after it yet
        if boot_id not in self._inferred:
            boots = in_order(self._boots.rows, reader.boots())
            known = [*(boot for boot in boots if boot.offset_ns is not None), *inferred(boots)]
            self._inferred[boot_id] = next((boot for boot in known if boot.id == boot_id), None)
        return self._inferred[boot_id]

    def _owe(self, items: Iterable[Item]) -> None:
        unknown = (each for each in items if isinstance(each, Scan) and not each.stamp.synced)
        first = next((scan.position for scan in unknown if scan.corrected_time is None), None)
        owed = self._boots.owed
        if first and (owed is None or owed.spool != first.spool or owed.number > first.number):
            self._keep(self._boots.owing(first))


def is_far(boot: Boot, other: ClockReading | Boot) -> bool:
    """Whether another offset of the same boot is further from the known one than two good clocks can be."""
    if boot.offset_ns is None or other.offset_ns is None:
        return False
    moment = other.measured_ns if isinstance(other, Boot) else other.boottime_ns
    return abs(other.offset_ns - boot.offset_ns) > _FAR + boot.error_ns(moment)


def is_as_known(boot: Boot, reading: ClockReading) -> bool:
    """Whether the clock is as it was when it was last known to be right in that boot."""
    return boot.offset_ns is not None and abs(reading.offset_ns - boot.offset_ns) <= _STEP
