"""What a row of the books looks like to a person: rows in, small view objects out, for the templates to lay out.

Pure: no database, no clock. Text from outside passes through as it is; the templates
escape it, every time, in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from pi_auto.server.console.health import Badge, Fact, facts, troubles
from pi_auto.server.console.words import ago, exactly, lasting, span
from pi_auto.server.fleet.health import told
from pi_auto.server.fleet.pace import own_interval
from pi_auto.server.fleet.presence import LATE_AFTER, OFFLINE_AFTER, Presence, is_flapping, last_contact, presence
from pi_auto.server.fleet.queries import TimeOnline

MOST_CODE = 160  # characters shown of one code; the exports hold all of it
DELAYED = timedelta(minutes=1)
_SLIGHT = timedelta(seconds=1)  # a correction by less is nothing to look at
_CLOSE = 60_000  # milliseconds; a time that may be farther off gives no delays


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


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device; `waiting` is how many scans it says have still to be delivered, if it says so.

    `badges` are what a person should look at, `facts` the rest of what it tells of itself.
    """

    element: str
    order: str
    hostname: str
    presence: Presence
    presence_word: str
    presence_title: str
    last_seen: datetime | None
    ago: str
    waiting: int | None
    waiting_title: str
    online_today: str
    online_week: str
    client_version: str
    badges: tuple[Badge, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Something that a person must know of because a scan may be missing."""

    element: str
    order: int
    headline: str
    device_id: str
    scanner: str
    reason: str
    happened_at: datetime


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


def device_view(row: Row[Any], online: TimeOnline, now: datetime, heartbeat_interval: float) -> DeviceView:
    """A row of `devices`, as it stands `now`; the interval in seconds."""
    seen, state, health = last_contact(row), presence(row, now, heartbeat_interval), told(row.reported)
    interval = own_interval(row.reported) or heartbeat_interval
    return DeviceView(
        element=f"device-{row.device_id}",
        order=row.device_id,
        hostname=row.hostname or "",
        presence=state,
        presence_word=_WORDS[state],
        presence_title=f"{_PRESENCE[state]}; it reports every {interval:g} s",
        last_seen=seen,
        ago=ago(now - seen) if seen else "",
        waiting=waiting(row.reported),
        waiting_title=_oldest(health),
        online_today=span(online.today),
        online_week=span(online.week),
        client_version=row.client_version,
        badges=(_CLONE,) * bool(row.cloned)
        + (_LEGACY,) * row.legacy
        + (_FLAPPING,) * is_flapping(row.connects, now)
        + troubles(health),
        facts=facts(health),
    )


def incident_view(row: Row[Any]) -> IncidentView:
    """A row of `incidents`."""
    return IncidentView(
        element=f"incident-{row.id}",
        order=row.id,
        headline=_HEADLINES.get(row.type, row.type),
        device_id=row.device_id,
        scanner=row.scanner_id or "",
        reason=row.reason,
        happened_at=row.happened_at,
    )


def presences(views: list[DeviceView]) -> str:
    """How many devices are in which state, in the same words as count() in live.js."""
    counts = ((sum(view.presence == state for view in views), word) for state, word in _WORDS.items())
    return ", ".join(f"{n} {word}" for n, word in counts if n)


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


def waiting(reported: object) -> int | None:
    """The longest queue in a twin's reported properties, which may hold anything at all."""
    queue = reported.get("queue") if isinstance(reported, dict) else None
    lanes = queue.values() if isinstance(queue, dict) else ()
    depths = (lane.get("waiting") for lane in lanes if isinstance(lane, dict))
    return max((n for n in depths if isinstance(n, int) and not isinstance(n, bool) and n >= 0), default=None)


def _oldest(health: dict[str, Any]) -> str:
    ages = {
        way: lane.get("oldest_age_seconds") for way, lane in health.get("queue", {}).items() if way != "trouble"
    }
    waits = (f"{way}: the oldest waits {span(int(age))}" for way, age in ages.items() if age)
    return "; ".join(waits)


def _badges(row: Row[Any], trusted: bool) -> list[Badge]:
    badges = [_LEGACY] * row.legacy
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


_CLONE = Badge(
    "clone", "bad", "two devices speak with this one's key: it gets no commands until an operator settles it"
)
_LEGACY = Badge("legacy", "warn", "an old client without a key: anybody on its network may have sent this")
_FLAPPING = Badge("flapping", "warn", "it connects again and again: its network or its power does not hold")
_HEADLINES = {
    "scan_lost": "Scan lost",
    "spool_replaced": "Spool replaced",
    "scans_missing": "Scans missing",
    "records_refused": "Records refused",
    "scanner_calibrated": "Scanner calibrated",
    "wifi_joined": "Wi-Fi joined by scanning",
    "wifi_undone": "Wi-Fi by scanning undone",
}
_WORDS = {state: state.value for state in Presence} | {Presence.NEVER: "never seen"}
_PRESENCE = {
    Presence.ONLINE: f"heard from within the last {LATE_AFTER} heartbeats",
    Presence.LATE: f"its connection has just ended, or it is silent for more than {LATE_AFTER} heartbeats",
    Presence.OFFLINE: "said that it stops, did not come back after its connection had ended,"
    f" or is silent for more than {OFFLINE_AFTER} heartbeats",
    Presence.NEVER: "registered, but not heard from since",
}
