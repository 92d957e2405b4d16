"""What operators decide about old clients: yes, no, once more, become a new client. Each is in the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.fleet.registering import hostname_of
from pi_auto.server.fleet.tables import devices
from pi_auto.server.legacy.devices import find, is_new_clients
from pi_auto.server.legacy.networks import plain_address
from pi_auto.server.legacy.tables import legacy_devices
from pi_auto.server.store.changes import next_change
from pi_auto.wire.errors import FieldError, shown


def approve(
    connection: Connection, named: str, address: str | None, by: str, now: datetime, *, reissue: bool = False
) -> str:
    """Serve it from now on, at the address it asked from or at this one; what it is called here.

    With `reissue` its next registration gets a connection string again, with new keys.
    """
    row = _known(connection, named)
    if is_new_clients(connection, named):
        raise FieldError("device_id", shown(named), "an id that no new client has")
    at = plain_address(address) if address else row.address
    if row.other_address not in {None, at} and address is None:
        raise FieldError(
            "--address", "missing", f"{row.address} or {row.other_address}: the id was used from both; "
            "say which of them is the device")  # fmt: skip
    told: dict[str, Any] = {"address": at, "other_address": None, "refused_at": None}
    told |= {"approved_by": by, "approved_at": now} | ({"issued_at": None} if reissue else {})
    _change(connection, named, told)
    _make_sure_of(connection, row, now)
    detail = {"hub_id": row.hub_id, "address": at, "reissue": reissue}
    note(connection, Entry(by, "legacy approve", named, "approved", detail=detail), now)
    return str(row.hub_id)


def refuse(connection: Connection, named: str, by: str, now: datetime) -> str:
    """Serve it no more, or never; what it is called here."""
    row = _known(connection, named)
    _change(connection, named, {"refused_at": now, "migrate_by": None})
    note(connection, Entry(by, "legacy refuse", named, "refused", detail={"hub_id": row.hub_id}), now)
    return str(row.hub_id)


def migrate(connection: Connection, named: str, by: str, now: datetime, *, wanted: bool = True) -> None:
    """Offer it the new client as an update, or no longer. Raises FieldError for one that is not served."""
    row = _known(connection, named)
    if wanted and (row.approved_at is None or row.refused_at is not None):
        raise FieldError("device_id", shown(named), "an old client that was approved")
    _change(connection, named, {"migrate_by": by if wanted else None, "update_said": None, "update_said_at": None})
    note(connection, Entry(by, "legacy migrate", named, "offered" if wanted else "no longer offered"), now)


def _known(connection: Connection, named: str) -> Row[Any]:
    row = find(connection, named)
    if row is None:
        raise FieldError("device_id", shown(named), "an old client of `pi-auto-server legacy list`")
    return row


def _change(connection: Connection, named: str, values: dict[str, Any]) -> None:
    connection.execute(update(legacy_devices).where(legacy_devices.c.named_id == named).values(values))


def _make_sure_of(connection: Connection, row: Row[Any], now: datetime) -> None:
    """Its row among the devices. Raises FieldError where another device is called so."""
    held = connection.execute(select(devices.c.legacy).where(devices.c.device_id == row.hub_id)).first()
    if held is not None:
        if not held.legacy:
            raise FieldError("device_id", shown(row.hub_id), "a name that no other device has")
        return
    about = {"hostname": hostname_of(row.system_info), "client_version": row.client_version}
    about |= {"system_info": row.system_info, "registered_at": now, "changed": next_change(connection)}
    connection.execute(insert(devices).values(about | {"device_id": row.hub_id, "legacy": True}))
