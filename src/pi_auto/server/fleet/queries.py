"""Reads devices out of the books, and how long they were online. Rows carry the columns of `devices`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from pi_auto.server.fleet.presence import last_contact
from pi_auto.server.fleet.tables import device_days, devices

WEEK = 7  # days, today among them
# Without what a device tells of itself: a whole fleet may be called raspberrypi.
_HEARD_OF = (
    devices.c.device_id,
    devices.c.registered_at,
    devices.c.last_api_at,
    devices.c.last_heartbeat_at,
    devices.c.connected_at,
)


@dataclass(frozen=True, slots=True)
class TimeOnline:
    """How long a device was online, in seconds: today so far, and in the last seven days; days are UTC's."""

    today: int = 0
    week: int = 0


def times_online(connection: Connection, now: datetime, device_ids: Collection[str]) -> dict[str, TimeOnline]:
    """Of these devices; one that was never online may be missing.

    The ways overlap, and each day counts as the better of them says: never more than it was. The books add it
    up, not Python: meanwhile other requests are answered.
    """
    today, days = now.date().isoformat(), device_days.c
    first = (now.date() - timedelta(days=WEEK - 1)).isoformat()
    better = (
        select(days.device_id, days.day, func.max(days.online_ms).label("online_ms"))
        .where(days.device_id.in_(device_ids), days.day.between(first, today))
        .group_by(days.device_id, days.day)
        .subquery()
    )
    of = better.c
    of_today = func.sum(case((of.day == today, of.online_ms), else_=0))
    query = select(of.device_id, of_today, func.sum(of.online_ms)).group_by(of.device_id)
    return {
        device_id: TimeOnline(in_day // 1000, in_week // 1000)
        for device_id, in_day, in_week in connection.execute(query)
    }


def page_devices(
    connection: Connection, after: str, most: int, which: ColumnElement[bool] | None = None
) -> Sequence[Row[Any]]:
    """The first `most` devices whose ids come behind `after`, by id; of those that are `which` alone."""
    query = select(devices).where(devices.c.device_id > after).order_by(devices.c.device_id).limit(most)
    return connection.execute(query if which is None else query.where(which)).all()


def count_devices(connection: Connection, which: ColumnElement[bool] | None = None) -> int:
    """How many devices there are, or that are `which`."""
    query = select(func.count()).select_from(devices)
    return connection.execute(query if which is None else query.where(which)).scalar_one()


def find_device(connection: Connection, id_or_hostname: str) -> Row[Any] | None:
    """The device of that id, else the one of that host name that was heard of last."""
    by_id = connection.execute(select(devices).where(devices.c.device_id == id_or_hostname)).first()
    if by_id:
        return by_id
    namesakes = connection.execute(select(*_HEARD_OF).where(devices.c.hostname == id_or_hostname)).all()
    if not namesakes:
        return None
    newest = max(namesakes, key=lambda row: last_contact(row) or row.registered_at)
    return connection.execute(select(devices).where(devices.c.device_id == newest.device_id)).first()
