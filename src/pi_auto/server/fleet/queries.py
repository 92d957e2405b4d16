"""Reads devices out of the books, and how long they were online. Rows carry the columns of `devices`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

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


def times_online(
    connection: Connection, now: datetime, device_ids: Collection[str] | None = None
) -> dict[str, TimeOnline]:
    """Of these devices, or of all; one that was never online may be missing.

    The ways overlap, and each day counts as the better of them says: never more than it was.
    """
    today = now.date()
    better = func.max(device_days.c.online_ms).label("online_ms")
    query = (
        select(device_days.c.device_id, device_days.c.day, better)
        .where(device_days.c.day.between((today - timedelta(days=WEEK - 1)).isoformat(), today.isoformat()))
        .group_by(device_days.c.device_id, device_days.c.day)
    )
    if device_ids is not None:
        query = query.where(device_days.c.device_id.in_(device_ids))
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(query):
        found.setdefault(row.device_id, {})[row.day] = row.online_ms
    return {
        device_id: TimeOnline(days.get(today.isoformat(), 0) // 1000, sum(days.values()) // 1000)
        for device_id, days in found.items()
    }


def all_devices(connection: Connection) -> Sequence[Row[Any]]:
    """Every device, by id."""
    return connection.execute(select(devices).order_by(devices.c.device_id)).all()


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
