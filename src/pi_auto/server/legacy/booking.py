"""Books the scans of old clients, each once, marked as what they are.

An old client sends a scan to the API, and once that has said 200, to the hub, with nothing that
says they are the same. So what the hub brings is laid to the oldest scan of this device and this
code that the hub has not brought yet; where there is none, it is a scan of its own.

What the hub brings a second time is known by a name that is the same each time: the microsecond at
which the device wrote it, which an SDK that repeats it for want of an answer repeats as well, or
else the event's number and time, which it keeps when the hub's log is read again from its start.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from pi_auto.server.legacy.messages import Telemetry
from pi_auto.server.legacy.tables import legacy_devices
from pi_auto.server.links.cursor import Cursor, move_cursor, read_cursor
from pi_auto.server.scans.booking import Way, book
from pi_auto.server.scans.tables import scans
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.text import storable
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Scan, Scanner, Stamp

TOGETHER = timedelta(hours=24)  # how much later it may send to the hub what the API has
_OURS = uuid.UUID("8f0c7f1e-6c1d-5d0b-9a52-1f6a0a1d7e55")
_LAID = "legacy:"  # and a name: the cursor of what was laid to a scan stands at that scan's id
_UNKNOWN_BOOT = str(uuid.UUID(int=0))


def book_scan(
    connection: Connection, hub_id: str, code: str, quantity: int, name: str, way: Way, now: datetime
) -> None:
    """Book one scan under the uuid `name`; its time is the server's: nobody has set the device's clock."""
    numbered = update(legacy_devices).where(legacy_devices.c.hub_id == hub_id)
    connection.execute(numbered.values(scans=legacy_devices.c.scans + 1, last_at=now))
    number = connection.execute(select(legacy_devices.c.scans).where(legacy_devices.c.hub_id == hub_id)).scalar()
    scan = Scan(
        uuid=name,
        position=Position(str(uuid.uuid5(_OURS, hub_id)), number or 1),
        scanner=Scanner("old client"),
        raw=code.encode(),
        text=code,
        stamp=Stamp(_UNKNOWN_BOOT, 0, now, synced=True),
        quantity=quantity,
    )
    book(connection, hub_id, [scan], way, now)
    marked = update(scans).where(scans.c.device_id == hub_id, scans.c.uuid == name)
    connection.execute(marked.values(legacy=True))


def book_telemetry(
    connection: Connection, hub_id: str, body: object, event: str, sent: datetime, now: datetime
) -> None:
    """What an old client `sent` to the hub then; `event` names it among all events. Raises FieldError."""
    told = Telemetry.from_json(body)
    name = _name_of(hub_id, told, event)
    if _is_booked(connection, hub_id, name):
        return
    waiting = (
        select(scans.c.id)
        .where(scans.c.device_id == hub_id, scans.c.hub_at.is_(None), scans.c.scanned_at > sent - TOGETHER)
        .where(scans.c.text == storable(told.barcode), scans.c.quantity == told.quantity)
        .order_by(scans.c.id)
        .limit(1)
    )
    found: Any = connection.execute(waiting).scalar()
    if found is None:
        book_scan(connection, hub_id, told.barcode, told.quantity, name, Way.HUB, now)
        return
    arrived = {"hub_at": now, "changed": next_change(connection)}
    connection.execute(update(scans).where(scans.c.id == found).values(arrived))
    move_cursor(connection, _LAID + name, Cursor(found))


def _name_of(hub_id: str, told: Telemetry, event: str) -> str:
    """A uuid for what a device has told the hub, however often the hub tells it."""
    once = f"{told.written} {told.quantity} {told.barcode}" if told.written else event
    return str(uuid.uuid5(_OURS, f"{hub_id} {once}"))


def _is_booked(connection: Connection, hub_id: str, name: str) -> bool:
    """Whether what has this name is a scan of its own already, or was laid to one."""
    own = select(scans.c.id).where(scans.c.device_id == hub_id, scans.c.uuid == name)
    return bool(connection.execute(own).first() or read_cursor(connection, _LAID + name).through)
