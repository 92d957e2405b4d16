"""Books what is heard of a device: its connections at the hub, and the time online that each sign of life adds.

Runs in the transaction that also books the event and moves the cursor, or the call of the API:
neither a crash nor an event that comes again loses or doubles a second. The ways are reckoned
apart, each in its own order: the hub's news of an hour ago may come when the API's of now is booked.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, update

from pi_auto.server.fleet.connections import Connections, order_of, step
from pi_auto.server.fleet.pace import own_interval, usual
from pi_auto.server.fleet.presence import LATE_AFTER
from pi_auto.server.fleet.spans import Online, Span, by_day, day_of
from pi_auto.server.fleet.spans import step as span_step
from pi_auto.server.fleet.tables import devices
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.statements import execute, first_row, moments
from pi_auto.wire.hublink import CONNECTED, Event

API, HUB = "api", "hub"
DAYS_KEPT = 400  # on which the device was online
_CONTACT_EVERY = timedelta(seconds=1)
_AHEAD = timedelta(minutes=1)  # a contact farther ahead is from a clock that has been put right since

_SPAN = "SELECT through, since FROM online_spans WHERE device_id = ? AND way = ?"
_KEEP_SPAN = """
    INSERT INTO online_spans (device_id, way, through, since) VALUES (?, ?, ?, ?)
    ON CONFLICT (device_id, way) DO UPDATE SET through = excluded.through, since = excluded.since
"""
_ADD_TO_DAY = """
    INSERT INTO device_days (device_id, day, way, online_ms, connects) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (device_id, day, way) DO UPDATE SET
        online_ms = device_days.online_ms + excluded.online_ms,
        connects = device_days.connects + excluded.connects
"""
# Days are counted, not reckoned from today: a clock that is years ahead makes one day more of them.
_FORGET_DAYS = """
    DELETE FROM device_days WHERE device_id = ? AND day <=
        (SELECT DISTINCT day FROM device_days WHERE device_id = ? ORDER BY day DESC LIMIT 1 OFFSET ?)
"""

_REPORTED = "SELECT reported FROM devices WHERE device_id = ?"
_CONTACT = """
    UPDATE devices SET last_api_at = ?, changed = ?
    WHERE device_id = ?
        AND (last_api_at IS NULL OR last_api_at < ? OR last_api_at > ? OR last_api_at <= said_offline_at)
"""


def book_connection(connection: Connection, row: Any, event: Event, at: datetime, now: datetime) -> None:
    """A device, as its `row` stands, has connected to the hub or is gone from it."""
    before = Connections(
        row.connected_at, row.disconnected_at, row.connection_order or "", tuple(row.connects or ())
    )
    after = step(before, event.type, at, order_of(event))
    if after is None:
        return
    news = {
        "connected_at": after.connected_at,
        "disconnected_at": after.disconnected_at,
        "connection_order": after.order,
        "connects": list(after.connects),
        "changed": next_change(connection),
    }
    connection.execute(update(devices).where(devices.c.device_id == row.device_id).values(news))
    alive = event.type == CONNECTED
    if alive:
        _add_to_day(connection, row.device_id, HUB, (day_of(_ms(at)), 0), connects=1)
    book_sign(connection, row.device_id, HUB, at, now, alive=alive, interval=own_interval(row.reported))


def book_sign(
    connection: Connection,
    device_id: str,
    way: str,
    at: datetime,
    now: datetime,
    *,
    alive: bool = True,
    interval: int | None = None,
) -> None:
    """A sign of life, or of its end, that came by `way`; the device's own interval in seconds, if it has one."""
    found = first_row(connection, _SPAN, (device_id, way))
    before = Span(*found) if found else None
    good = LATE_AFTER * (interval or usual(connection)) * 1000
    taken = span_step(before, _ms(at), _ms(now), good, alive=alive)
    if taken is None:
        return
    span, added = taken
    execute(connection, _KEEP_SPAN, (device_id, way, span.through, span.since))
    if added:
        _add(connection, device_id, way, added)


def note_contact(connection: Connection, device_id: str, now: datetime) -> None:
    """A device has just proved itself to the API. Written once a second: presence counts in heartbeats."""
    moment = moments(connection.dialect)
    close = moment(now - _CONTACT_EVERY), moment(now + _AHEAD)
    values = moment(now), next_change(connection), device_id, *close
    if execute(connection, _CONTACT, values):
        book_sign(connection, device_id, way=API, at=now, now=now, interval=_interval(connection, device_id))


def _interval(connection: Connection, device_id: str) -> int | None:
    """How often the device reports, in seconds, where that is set for it alone."""
    (said,) = first_row(connection, _REPORTED, (device_id,))
    return own_interval(json.loads(said) if isinstance(said, str) else said)


def _add(connection: Connection, device_id: str, way: str, online: Online) -> None:
    parts = list(by_day(online))
    for part in parts:
        _add_to_day(connection, device_id, way, part)
    if len(parts) > 1:  # a new day has begun
        execute(connection, _FORGET_DAYS, (device_id, device_id, DAYS_KEPT))


def _add_to_day(
    connection: Connection, device_id: str, way: str, part: tuple[str, int], *, connects: int = 0
) -> None:
    day, milliseconds = part
    execute(connection, _ADD_TO_DAY, (device_id, day, way, milliseconds, connects))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
