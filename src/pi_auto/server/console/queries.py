"""What the page shows, read out of the books: the newest scans and incidents, the first devices by name.

Every answer is bounded, however large the books and the fleet are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select

from pi_auto.server.enrolment.tables import identities
from pi_auto.server.fleet.presence import Presence, is_flapping
from pi_auto.server.fleet.presence_in_sql import presence_at
from pi_auto.server.fleet.queries import count_devices
from pi_auto.server.fleet.tables import devices
from pi_auto.server.scans.queries import ScanFilter, find_changed, find_scans, scans_changed_after
from pi_auto.server.scans.tables import incidents, scans
from pi_auto.server.store.text import storable

MOST_SCANS = 200
MOST_DEVICES = 200
MOST_INCIDENTS = 20
MOST_OF_DEVICE = 5  # of them: one device that tells of thousands hides no other's
_LOOKED_AT = 500  # incidents
_FEW = MOST_SCANS
_MUCH = 10_000  # change numbers: a page of a busy fleet is at most some seconds behind


@dataclass(frozen=True, slots=True)
class PageFilter(ScanFilter):
    """Which scans a page shows, and which devices: that of the scans, if one is named, and of this presence."""

    presence: Presence | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """What a page shows: changes up to `after`, presences as of `then`, or nothing where either is not known."""

    after: int
    then: datetime | None


PLAIN = PageFilter(limit=MOST_SCANS)

_SHOWN = (
    devices.c.device_id,
    devices.c.hostname,
    devices.c.client_version,
    devices.c.last_api_at,
    devices.c.last_heartbeat_at,
    devices.c.said_offline_at,
    devices.c.connected_at,
    devices.c.disconnected_at,
    devices.c.connects,
    devices.c.reported,
    devices.c.changed,
    exists()
    .where(identities.c.device_id == devices.c.device_id, identities.c.cloned_at.is_not(None))
    .label("cloned"),
    devices.c.legacy,
)


def scans_after(connection: Connection, wanted: ScanFilter, after: int) -> Sequence[Row[Any]]:
    """Scans on the page with a change number above `after`, newest first; below 0 for all of them.

    A page is mostly a little behind. Then what changed is looked at and nothing else: a filter
    for a rare text would search all books, ten times a second. So it would for ever where a fleet is so busy that
    there is always much that changed. Far behind, only the newest matter.
    """
    few = scans_changed_after(connection, after, _FEW) if after >= 0 else ()
    if len(few) == _FEW and wanted != PLAIN and _newest(connection) - after <= _MUCH:
        return find_changed(connection, wanted, after)
    if len(few) == _FEW or after < 0:
        return [row for row in find_scans(connection, wanted) if row.changed > after]
    passing = few if wanted == PLAIN else _passing(connection, wanted, few)
    return sorted(passing, key=lambda row: row.id, reverse=True)


def moved_devices(
    connection: Connection, wanted: PageFilter, since: Since, now: datetime, interval: float
) -> tuple[Sequence[Row[Any]], list[str]]:
    """Of the first devices that are wanted, by id: those that look other than they did, and the ids of all.

    A live page looks ten times a second. So what they report, which is long, is read of those alone.
    """
    was = presence_at(since.then or now, interval).label("was")
    state = presence_at(now, interval)
    query = select(devices.c.device_id, devices.c.changed, devices.c.connects, state.label("state"), was)
    if wanted.device_id is not None:
        query = query.where(devices.c.device_id == wanted.device_id)
    if wanted.presence is not None:
        query = query.where(state == wanted.presence)
    first = connection.execute(query.order_by(devices.c.device_id).limit(MOST_DEVICES)).all()
    moved = [row.device_id for row in first if _has_moved(row, since, now)]
    shown = select(*_SHOWN).where(devices.c.device_id.in_(moved)).order_by(devices.c.device_id)
    return list(connection.execute(shown)) if moved else (), [row.device_id for row in first]


def count_wanted(connection: Connection, wanted: PageFilter, now: datetime, interval: float) -> int:
    """How many devices there are of the presence that is wanted, else altogether."""
    which = None if wanted.presence is None else presence_at(now, interval) == wanted.presence
    return count_devices(connection, which)


def _has_moved(row: Row[Any], since: Since, now: datetime) -> bool:
    """Whether it looks other than it did: time alone makes a device late, and no change says so."""
    if since.then is None or row.changed > since.after or row.state != row.was:
        return True
    return is_flapping(row.connects, since.then) != is_flapping(row.connects, now)


def incidents_after(connection: Connection, after: int) -> Sequence[Row[Any]]:
    """Those of the newest incidents whose change number is above `after`, newest first; -1 for all of them."""
    columns = incidents.c.id, incidents.c.device_id
    newest = connection.execute(select(*columns).order_by(incidents.c.id.desc()).limit(_LOOKED_AT))
    shown = select(incidents).where(incidents.c.id.in_(_fair(newest)), incidents.c.changed > after)
    return list(connection.execute(shown.order_by(incidents.c.id.desc())))


def _fair(newest: Iterable[Any]) -> list[int]:
    """The ids of those to show, a few of each device."""
    shown: list[int] = []
    told: Counter[str] = Counter()
    for row in newest:
        told[row.device_id] += 1
        if told[row.device_id] <= MOST_OF_DEVICE:
            shown.append(row.id)
    return shown[:MOST_INCIDENTS]


def _newest(connection: Connection) -> int:
    return connection.execute(select(func.max(scans.c.changed))).scalar() or 0


def _passing(connection: Connection, wanted: ScanFilter, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    query = select(scans.c.id).where(scans.c.id.in_([row.id for row in rows]))
    if wanted.device_id is not None:
        query = query.where(scans.c.device_id == wanted.device_id)
    if wanted.text is not None:
        query = query.where(scans.c.text.contains(storable(wanted.text), autoescape=True))
    passing = set(connection.execute(query).scalars())
    return [row for row in rows if row.id in passing]
