"""What the device knows of its boots, in their order: one row a boot, in a small file of the agent's.

CLOCK_BOOTTIME begins at zero with each boot and never steps, so that one number tells the time of
everything in a boot: the offset of the wall clock from it. It is kept from when the clock was set.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import LARGEST_INTEGER, Fields
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import MOST_ERROR

log = logging.getLogger("pi_auto.times")

FILE = "boots.json"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 500  # boots; the spool seldom reaches back as many
_MS = 1_000_000
_DRIFT = 2000  # nanoseconds to be off by one: the kernel lets no clock run wrong by more than 500 ppm (MAXFREQ)


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot. It lasted at least until `until_ns` of CLOCK_BOOTTIME.

    Wall time (ns since 1970) is CLOCK_BOOTTIME + `offset_ns`, if that was ever known; when it was
    measured, at `measured_ns`, it was off by at most `error_ms`. It is known from the network's setting
    of the clock, or where nothing better is, `by_fleet`: from what the fleet has signed.
    """

    id: str
    until_ns: int = 0
    offset_ns: int | None = None
    measured_ns: int = 0
    error_ms: int = 0
    by_fleet: bool = False

    def error_ns(self, boottime_ns: int) -> int:
        """By how much its clock may be off at a moment: the further from the measurement, the more."""
        return self.error_ms * _MS + drift(abs(boottime_ns - self.measured_ns))

    def time_of(self, boottime_ns: int) -> tuple[datetime, int] | None:
        """The wall time of a moment, and by how many milliseconds it may be off; None if it is not known."""
        if self.offset_ns is None:
            return None
        moment = EPOCH + timedelta(microseconds=(self.offset_ns + boottime_ns) // 1000)
        return moment, -(-self.error_ns(boottime_ns) // _MS)

    @classmethod
    def from_fields(cls, fields: Fields) -> Boot:
        """Read it, or say which field is wrong."""
        return cls(
            id=fields.uuid("id"),
            until_ns=fields.integer("until_ns"),
            offset_ns=fields.optional("offset_ns", lambda name: fields.integer(name, least=-LARGEST_INTEGER)),
            measured_ns=fields.integer("measured_ns"),
            error_ms=fields.integer("error_ms", most=MOST_ERROR),
            by_fleet=fields.optional("by_fleet", fields.flag, default=False),
        )


@dataclass(frozen=True, slots=True)
class Boots:
    """The rows, the oldest first, and from where on scans were sent whose time was not known yet, if any were."""

    rows: tuple[Boot, ...] = ()
    owed: Position | None = None

    def find(self, boot_id: str) -> Boot | None:
        """The row of a boot."""
        return next((row for row in self.rows if row.id == boot_id), None)

    def having(self, boot: Boot) -> Boots:
        """The same with this row in its place; a boot without one is the latest."""
        if self.find(boot.id) is None:
            return replace(self, rows=(*self.rows, boot)[-_MOST:])
        return replace(self, rows=tuple(boot if row.id == boot.id else row for row in self.rows))

    def owing(self, owed: Position | None) -> Boots:
        """The same with another debt."""
        return replace(self, owed=owed)


def drift(span_ns: int) -> int:
    """By how many nanoseconds a clock that nobody sets may go wrong within a span."""
    return span_ns // _DRIFT


def store_boots(folder: Path, boots: Boots) -> None:
    """Keep them, durably. Raises OSError."""
    owed = boots.owed.to_json() if boots.owed else None
    content = {"boots": [asdict(row) for row in boots.rows], "owed": owed}
    write_whole(folder / FILE, json.dumps(content, separators=(",", ":")), mode=0o600)


def stored_boots(folder: Path) -> Boots:
    """What is kept; nothing, and a warning, where that cannot be read: times are then known less well."""
    try:
        fields = Fields(json.loads((folder / FILE).read_bytes()))
        owed = fields.optional("owed", lambda name: Position.from_fields(fields.object(name)))
        return Boots(tuple(_rows(fields.items("boots", most=_MOST))), owed)
    except FileNotFoundError:
        return Boots()
    except (FieldError, OSError, ValueError, RecursionError) as error:
        log.warning("what was known of earlier boots cannot be read from %s: %s", folder / FILE, error)
        return Boots()


def _rows(items: Iterable[object]) -> Iterable[Boot]:
    return (Boot.from_fields(Fields(item, "boots")) for item in items)
