"""The way of each scan, put together from the device's log and the server's books: the demo's table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pi_auto.simulator.office import Office
from pi_auto.wire.escape import printable
from pi_auto.wire.times import parse_time

_STORED = re.compile(r"(?P<at>\S+ \S+) .*barcode stored: number=\d+ uuid=(?P<uuid>\S+)")


@dataclass(frozen=True, slots=True)
class Way:
    """When one scan reached each place; nothing where it has not been yet."""

    text: str
    captured: datetime | None
    stored: datetime | None
    api: datetime | None
    hub: datetime | None

    @property
    def complete(self) -> bool:
        """Whether it was stored and has been booked by both ways."""
        return None not in (self.stored, self.api, self.hub)


def ways(office: Office, device_id: str, log: Path) -> list[Way]:
    """The way of every scan of a device that the server knows, in the order they were scanned."""
    stored = _stored_times(log)
    return [
        Way(
            scan["text"],
            _time(scan["wall_time"]),
            stored.get(scan["uuid"]),
            _time(scan["api_at"]),
            _time(scan["hub_at"]),
        )
        for scan in office.scans(device_id)
    ]


def table(rows: Iterable[Way]) -> str:
    """The ways as text: milliseconds from the key event that ended the code."""
    lines = [f"{'code':<52} {'stored':>9} {'API':>9} {'hub':>9}   (ms after the last key)"]
    lines += [
        f"{printable(way.text):<52} {_after(way, way.stored)} {_after(way, way.api)} {_after(way, way.hub)}"
        for way in rows
    ]
    return "\n".join(lines)


def _after(way: Way, moment: datetime | None) -> str:
    if moment is None or way.captured is None:
        return f"{'-':>9}"
    return f"{(moment - way.captured).total_seconds() * 1000:9.0f}"


def _stored_times(log: Path) -> dict[str, datetime]:
    """When capture said "stored", which it does after the commit."""
    said = (_STORED.match(line) for line in log.read_text(errors="replace").splitlines())
    return {found["uuid"]: datetime.fromisoformat(found["at"]).astimezone(UTC) for found in said if found}


def _time(text: str | None) -> datetime | None:
    return parse_time(text) if text else None
