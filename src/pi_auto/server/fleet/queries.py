"""Reads devices out of the books. Rows carry the columns of the table `devices`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from pi_auto.server.fleet.presence import last_contact
from pi_auto.server.fleet.tables import devices


def all_devices(connection: Connection) -> Sequence[Row[Any]]:
    """Every device, by id."""
    return connection.execute(select(devices).order_by(devices.c.device_id)).all()


def find_device(connection: Connection, id_or_hostname: str) -> Row[Any] | None:
    """The device of that id, else the one of that host name that was heard of last."""
    by_id = connection.execute(select(devices).where(devices.c.device_id == id_or_hostname)).first()
    if by_id:
        return by_id
    namesakes = connection.execute(select(devices).where(devices.c.hostname == id_or_hostname)).all()
    return max(namesakes, key=lambda row: last_contact(row) or row.registered_at, default=None)
