"""What a scan of the books looks like to a person: a row in, a view object out, for the templates to lay out.

Pure: no database, no clock. Text from outside passes through as it is; the templates
escape it, every time, in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from pi_auto.server.console.health import Badge
from pi_auto.server.console.words import exactly, lasting

MOST_CODE = 160  # characters shown of one code; the exports hold all of it
DELAYED = timedelta(minutes=1)
_SLIGHT = timedelta(seconds=1)  # a correction by less is nothing to look at
_CLOSE = 60_000  # milliseconds; a time that may be farther off gives no delays
LEGACY = Badge("legacy", "warn", "an old client without a key: anybody on its network may have sent this")


@dataclass(frozen=True, slots=True)
class Code:
    """What a scan says, cut to what a page can show, and a note on what is not seen."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a scan came by one way: told in full, and as a short delay where the clocks allow one."""

    told: str
    delay: str = ""


@dataclass(frozen=True, slots=True)
class ScanView:
    """One booked scan."""

    element: str
    order: int
    scanned_at: datetime
    device_id: str
    code: Code
    quantity: int
    scanner: str
    scanner_title: str
    api: Arrival | None
    hub: Arrival | None
    badges: tuple[Badge, ...]


def scan_view(row: Row[Any]) -> ScanView:
    """A row of `scans`, with `flagged` beside it."""
    trusted = row.synced if row.corrected_time is None else (row.time_error_ms or 0) <= _CLOSE
    return ScanView(
        element=f"scan-{row.id}",
        order=row.id,
        scanned_at=row.scanned_at,
        device_id=row.device_id,
        code=code(row.text),
        quantity=row.quantity,
        scanner=row.scanner_name or row.scanner_id,
        scanner_title=" · ".join(part for part in (row.scanner_id, row.scanner_port) if part),
        api=arrival(row.scanned_at, row.api_at, trusted, row.time_error_ms or 0),
        hub=arrival(row.scanned_at, row.hub_at, trusted, row.time_error_ms or 0),
        badges=tuple(_badges(row, trusted)),
    )


def code(text: str) -> Code:
    """What of a code is shown: an empty one is told, a huge one is cut."""
    if not text:
        return Code("", "(empty)")
    if len(text) <= MOST_CODE:
        return Code(text)
    return Code(text[:MOST_CODE], f"… {MOST_CODE} of {len(text):,} characters; the exports hold them all")


def arrival(scanned: datetime, arrived: datetime | None, trusted: bool, error: int = 0) -> Arrival | None:
    """How one way did; nothing if the scan has not come by it. An untrusted clock gives no delay.

    `error` in milliseconds is how far off the time of the scan may be: by so much it may seem to arrive too early.
    """
    if arrived is None:
        return None
    told = f"arrived {exactly(arrived)}"
    if not trusted:
        return Arrival(f"{told}; the device's clock was not set, so the delay is not known")
    delay = arrived - scanned
    ms = round(delay / timedelta(milliseconds=1))
    if -error <= ms < 0:
        return Arrival(f"{told}, at once: the time of the scan may be {error:,} ms off", lasting(timedelta()))
    if ms < 0:
        return Arrival(f"{told}; the device's clock is {-ms:,} ms or more ahead of the server's")
    return Arrival(f"{told}, {ms:,} ms after the scan", lasting(delay))


def _badges(row: Row[Any], trusted: bool) -> list[Badge]:
    badges = [LEGACY] * row.legacy
    if row.flagged:
        badges.append(
            Badge("conflict", "bad", "the device sent this scan again with other content; both are kept")
        )
    if row.cloned:
        badges.append(
            Badge(
                "clone",
                "bad",
                "two devices had this one's key when it came: which of them scanned it is not known",
            )
        )
    if row.repeat_of:
        badges.append(
            Badge("repeat", "plain", f"the scanner read the same code shortly before, as scan {row.repeat_of}")
        )
    if row.corrected_time is not None:
        badges += [_corrected(row, trusted)] * _matters(row)
    elif not trusted:
        badges.append(Badge("unsynced", "warn", "the device's clock was not set: the time of the scan is a guess"))
    if trusted and row.received_at - row.scanned_at > DELAYED:
        waited = lasting(row.received_at - row.scanned_at)
        badges.append(Badge("delayed", "plain", f"it waited {waited} on the device until it could be delivered"))
    return badges


def _matters(row: Row[Any]) -> bool:
    """Whether a correction changed what a person would read, or may be wrong by as much."""
    by = abs(row.corrected_time - row.wall_time)
    return bool(by >= _SLIGHT or (row.time_error_ms or 0) >= _SLIGHT / timedelta(milliseconds=1))


def _corrected(row: Row[Any], close: bool) -> Badge:
    bound = (
        "" if row.time_error_ms is None else f", at most {lasting(timedelta(milliseconds=row.time_error_ms))} off"
    )
    told = f"the device's clock said {exactly(row.wall_time)} and was set later: this time was worked out{bound}"
    return Badge("corrected", "plain" if close else "warn", told)
