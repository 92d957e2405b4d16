"""What a device or an incident of the books looks like to a person: rows in, view objects out, for the templates.

Pure: no database, no clock. Text from outside passes through as it is; the templates
escape it, every time, in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from pi_auto.server.console.health import Badge, Fact, facts, troubles
from pi_auto.server.console.scan_views import LEGACY
from pi_auto.server.console.words import ago, span
from pi_auto.server.fleet.health import told
from pi_auto.server.fleet.pace import own_interval
from pi_auto.server.fleet.presence import LATE_AFTER, OFFLINE_AFTER, Presence, is_flapping, last_contact, presence
from pi_auto.server.fleet.queries import TimeOnline


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
        + (LEGACY,) * row.legacy
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


def presence_word(state: Presence) -> str:
    """What a person is told of it."""
    return _WORDS[state]


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


_CLONE = Badge(
    "clone", "bad", "two devices speak with this one's key: it gets no commands until an operator settles it"
)
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
