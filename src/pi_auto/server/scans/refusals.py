"""Keeps why something of a device was not booked, as far as there is room for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select

from pi_auto.server.scans.tables import refusals
from pi_auto.server.store.statements import execute
from pi_auto.server.store.text import storable

_MOST_REASON = 2048
_MOST_ID = 63
_MOST_REFUSALS = 2000  # kept of a device: two of the largest batches

_FORGET_REFUSALS = """
    DELETE FROM refusals WHERE device_id = ? AND id <= (
        SELECT id FROM refusals WHERE device_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?
    )
"""


def note_refusal(connection: Connection, device_id: str, way: str, reason: str, now: datetime) -> bool:
    """Keep why something of a device was not booked, once; whether that is news. The oldest make room.

    Whether it is news is looked up among all that is kept of the device, which may send rubbish without end.
    """
    row = {
        "device_id": storable(device_id)[:_MOST_ID],
        "way": way,
        "reason": storable(reason)[:_MOST_REASON],
    }
    known = select(refusals.c.id).where(*(refusals.c[name] == value for name, value in row.items()))
    is_news = connection.execute(known).first() is None
    if is_news:
        connection.execute(insert(refusals).values(row | {"received_at": now}))
        execute(connection, _FORGET_REFUSALS, (row["device_id"], row["device_id"], _MOST_REFUSALS))
    return is_news
