"""A Pi's clocks in the hand of a test: real time passes, the board has no clock chip, the network may set it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from pi_auto.client.clock import ClockReading
from pi_auto.wire.scan import Stamp
from support.records import START

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000_000


class PiClocks:
    """Boots at noon, real time, believing it is 2025. `real` is the time that nobody on the Pi knows for sure."""

    def __init__(self) -> None:
        self.real = START
        self._boots = 0
        self.boot()

    def boot(self, wall: datetime = datetime(2025, 5, 1, tzinfo=UTC)) -> None:
        """Start (again): the wall clock says whatever was last saved."""
        self._boots += 1
        self.boot_id = str(UUID(int=0x4000_8000_0000_0000_0000 + self._boots))
        self.boottime_ns = 0
        self.wall, self.synced = wall, False

    def pass_by(self, seconds: float) -> None:
        """Let time pass while it runs."""
        self.real += timedelta(seconds=seconds)
        self.wall += timedelta(seconds=seconds)
        self.boottime_ns += round(seconds * _SECOND)

    def be_off_for(self, seconds: float) -> None:
        """Be without power, then start."""
        self.real += timedelta(seconds=seconds)
        self.boot()

    def sync(self) -> None:
        """Be set by the network."""
        self.wall, self.synced = self.real, True

    def step(self, by: timedelta) -> None:
        """Be set by hand: the kernel no longer calls it synced."""
        self.wall, self.synced = self.wall + by, False

    def now(self) -> Stamp:
        """What capture stamps with."""
        return Stamp(self.boot_id, self.boottime_ns, self.wall, self.synced)

    def read(self) -> ClockReading:
        """What the agent reads."""
        offset = (self.wall - EPOCH) // timedelta(microseconds=1) * 1000 - self.boottime_ns
        return ClockReading(self.boot_id, self.boottime_ns, offset, self.synced, 0)
