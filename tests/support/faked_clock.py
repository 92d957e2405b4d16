"""A wall clock for programs that a test starts, which the test sets while they run."""

from __future__ import annotations

import struct
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.preloading import build, can_be_built, preloaded

__all__ = ["FakedClock", "can_be_built"]

_SOURCE = Path(__file__).with_suffix(".c")


class FakedClock:
    """As `folder` allows: a small library, and a file with what it adds to the real time."""

    def __init__(self, folder: Path) -> None:
        self._library, self._file = build(_SOURCE, folder), folder / "offset"
        self._file.write_bytes(struct.pack("=q", 0))

    def for_what_is_started(self) -> AbstractContextManager[None]:
        """Programs that are started meanwhile go by this clock, and what they start as well."""
        return preloaded(self._library, PI_AUTO_TEST_CLOCK=str(self._file))

    def now(self) -> datetime:
        """What it says."""
        (offset,) = struct.unpack("=q", self._file.read_bytes())
        return datetime.now(UTC) + timedelta(seconds=offset)

    def set(self, moment: datetime) -> None:
        """Set it to `moment`, or to less than a second after."""
        self.put_on(-((datetime.now(UTC) - moment) // timedelta(seconds=1)))

    def put_on(self, seconds: int) -> None:
        """Set it to the real time and so many seconds; a negative number puts it back."""
        with self._file.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("=q", seconds))
