"""Devices that wait for an operator: one row for each serial and key, bounded for each network and altogether."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from pi_auto.server.enrolment.tables import pending
from pi_auto.server.store.text import storable
from pi_auto.wire.enrolment import Enrolment
from pi_auto.wire.verdicts import Waiting

LASTS = timedelta(days=7)  # since it asked last
MOST, MOST_OF_NETWORK = 20_000, 1000


def network_of(address: str) -> str:
    """The network that an address is counted in: what one household or one site has."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    mapped = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network(f"{mapped}/{24 if mapped.version == 4 else 64}", strict=False))


def note_waiting(connection: Connection, asked: Enrolment, reason: Waiting, address: str, now: datetime) -> bool:
    """Add the device, or note that it asked again; false where too many wait. Old ones make room."""
    connection.execute(delete(pending).where(pending.c.last_at <= now - LASTS))
    said: dict[str, Any] = {
        "device_id": asked.device_id,
        "reason": reason.value,
        "system_info": asked.registration.system_info,
        "client_version": storable(asked.registration.client_version),
        "address": address,
        "network": network_of(address),
        "last_at": now,
    }
    same = (pending.c.serial == asked.serial) & (pending.c.fingerprint == asked.key.fingerprint)
    # What was approved was this very device id: whoever asks for another one is to be looked at again.
    held = select(pending.c.device_id).where(same)
    if connection.execute(held).scalar() not in {None, asked.device_id}:
        said["approved_by"] = None
    if connection.execute(update(pending).where(same).values(said)).rowcount:
        return True
    if _is_full(connection, network_of(address)):
        return False
    row = said | {"serial": asked.serial, "fingerprint": asked.key.fingerprint, "first_at": now}
    connection.execute(insert(pending).values(row))
    return True


def waits_no_more(connection: Connection, serial: str) -> None:
    """Forget what waits under this serial, with whatever key."""
    connection.execute(delete(pending).where(pending.c.serial == serial))


def _is_full(connection: Connection, network: str) -> bool:
    counted = select(func.count()).select_from(pending)
    of_network = connection.execute(counted.where(pending.c.network == network)).scalar() or 0
    return of_network >= MOST_OF_NETWORK or (connection.execute(counted).scalar() or 0) >= MOST
