"""Books the scans of old clients, each once, marked as what they are.

An old client sends a scan to the API, and once that has said 200, to the hub, with nothing that
says they are the same. So what the hub brings is laid to the oldest scan of this device and this
code that the hub has not brought yet; where there is none, it is a scan of its own.

What the hub brings a second time is known by a name that is the same each time: the microsecond at
which the device wrote it, which an SDK that repeats it for want of an answer repeats as well, or
else the event's number and time, which it keeps when the hub's log is read again from its start.
Books of before have scans to which something was laid under no name: it is laid to them again.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, select, update

from pi_auto.server.legacy.messages import Telemetry
from pi_auto.server.legacy.tables import legacy_devices
from pi_auto.server.scans.booking import Way, book
from pi_auto.server.scans.tables import scans
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.text import storable
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Scan, Scanner, Stamp

TOGETHER = timedelta(hours=24)  # how much later it may send to the hub what the API has
_OURS = uuid.UUID("8f0c7f1e-6c1d-5d0b-9a52-1f6a0a1d7e55")
_CLOCKS = timedelta(seconds=5)  # how far those of hub and server may be apart
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
    name, by_event = _names_of(hub_id, told, event)
    if _is_booked(connection, hub_id, name, by_event):
        return
    same = (scans.c.device_id == hub_id) & (scans.c.text == storable(told.barcode))
    same &= (scans.c.quantity == told.quantity) & (scans.c.scanned_at > sent - TOGETHER)
    before = _first(connection, same & _nameless(sent))
    if before is not None:
        connection.execute(update(scans).where(scans.c.id == before).values(hub_name=name))
        return
    found = _first(connection, same & scans.c.hub_at.is_(None))
    if found is None:
        book_scan(connection, hub_id, told.barcode, told.quantity, name, Way.HUB, now)
        return
    arrived = {"hub_at": now, "hub_name": name, "changed": next_change(connection)}
    connection.execute(update(scans).where(scans.c.id == found).values(arrived))


def _nameless(sent: datetime) -> ColumnElement[bool]:
    """Whether something was laid to a scan before names were kept (schema 0012), perhaps what was `sent` then.

    What a device sends from now on is newer than all that was laid to its scans by then.
    """
    laid = scans.c.api_at.is_not(None) & scans.c.hub_name.is_(None) & scans.c.legacy
    return laid & (scans.c.hub_at > sent - _CLOCKS)


def _first(connection: Connection, which: ColumnElement[bool]) -> int | None:
    """The id of the oldest of such scans."""
    found: int | None = connection.execute(select(scans.c.id).where(which).order_by(scans.c.id).limit(1)).scalar()
    return found


def _names_of(hub_id: str, told: Telemetry, event: str) -> tuple[str, str]:
    """Two uuids for what a device has told the hub: the one it gets, and that of its event, which is of before."""
    once = f"{told.written} {told.quantity} {told.barcode}" if told.written else event
    return str(uuid.uuid5(_OURS, f"{hub_id} {once}")), str(uuid.uuid5(_OURS, f"{hub_id} {event}"))


def _is_booked(connection: Connection, hub_id: str, name: str, by_event: str) -> bool:
    """Whether it is a scan of its own already, by either name, or was laid to one."""
    own, laid = scans.c.uuid.in_((name, by_event)), scans.c.hub_name == name  # each has an index of its own
    return any(_first(connection, (scans.c.device_id == hub_id) & known) is not None for known in (own, laid))
