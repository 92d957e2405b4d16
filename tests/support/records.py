"""Scans and incidents for tests: a plain one, and whatever a test wants different about it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from pi_auto.client.clock import ClockReading
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Incident, Scan, Scanner, Stamp

SPOOL = "11111111-2222-4333-8444-555555555555"
BOOT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SCANNER = Scanner(id="usb-Newland_HR32-event-kbd", name="Newland HR32", port="usb-1/input0")
_numbers = itertools.count(1)


def stamp(number: int = 1) -> Stamp:
    """A stamp one second after the one of the number before."""
    return Stamp(BOOT, number * 1_000_000_000, START + timedelta(seconds=number), synced=True)


def clock_after(seconds: int, *, stepped: int = 0, boot: str = BOOT) -> ClockReading:
    """A machine's clocks so many seconds after `stamp(0)`; the wall clock was `stepped` by seconds since."""
    offset = int(START.timestamp()) + stepped
    return ClockReading(boot, seconds * 1_000_000_000, offset * 1_000_000_000, synced=True, error_ms=0)


def scan(text: str = "4006381333931", *, number: int | None = None, spool: str = SPOOL, **changes: Any) -> Scan:
    """A scan of `text`; without a number the next one of this run of tests, with a uuid of its own."""
    number = next(_numbers) if number is None else number
    plain = Scan(
        uuid=str(uuid4()),
        position=Position(spool, number),
        scanner=SCANNER,
        raw=text.encode(),
        text=text,
        stamp=stamp(number),
    )
    return replace(plain, **changes)


def scans(*texts: str, spool: str = SPOOL, first: int = 1) -> list[Scan]:
    """Scans of `texts` at the numbers from `first` up."""
    return [scan(text, number=first + n, spool=spool) for n, text in enumerate(texts)]


def incident(*, number: int = 1, spool: str = SPOOL, **changes: Any) -> Incident:
    """A lost scan."""
    plain = Incident(
        uuid=str(uuid5(NAMESPACE_URL, f"{spool}/{number}")),
        position=Position(spool, number),
        type="scan_lost",
        reason="the kernel dropped events",
        stamp=stamp(number),
        scanner=SCANNER,
    )
    return replace(plain, **changes)
