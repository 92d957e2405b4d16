"""Old clients in the books: asking, waiting, served. Each function is part of its caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pi_auto.server.audit.trail import Entry, count, note
from pi_auto.server.enrolment.tables import identities
from pi_auto.server.enrolment.waiting import network_of
from pi_auto.server.fleet.tables import devices
from pi_auto.server.legacy.messages import PREFIX, Hello
from pi_auto.server.legacy.networks import holds, open_networks
from pi_auto.server.legacy.rules import Known, Verdict, judge
from pi_auto.server.legacy.tables import legacy_devices
from pi_auto.server.store.text import storable

WAITS_FOR = timedelta(days=7)  # since it asked last
MOST_OF_NETWORK, MOST = 200, 2000  # that wait, or were refused
STRANGER = "old client"
_rows = legacy_devices.c


def verdict_on(connection: Connection, named: str, address: str, now: datetime) -> Verdict:
    """What a call under this id comes to."""
    is_open = holds(open_networks(connection, now), address)
    row = find(connection, named)
    known = Known(row.address, row.approved_at is not None, row.refused_at is not None) if row else None
    return judge(address, known, is_open=is_open, keyed=is_new_clients(connection, named))


def find(connection: Connection, named: str) -> Row[Any] | None:
    """The old client of that name."""
    return connection.execute(select(legacy_devices).where(_rows.named_id == named)).first()


def every(connection: Connection, most: int = 5000) -> Sequence[Row[Any]]:
    """All that there are, those that wait first."""
    query = select(legacy_devices).order_by(_rows.approved_at.is_not(None), _rows.first_at).limit(most)
    return connection.execute(query).all()


def is_new_clients(connection: Connection, device_id: str) -> bool:
    """Whether the id belongs to a device that has a key, or has shown a claim from before there were keys."""
    keyed = select(identities.c.device_id).where(identities.c.device_id == device_id)
    claimed = select(devices.c.device_id).where(
        devices.c.device_id == device_id, devices.c.claim_hash.is_not(None)
    )
    return any(connection.execute(query).first() for query in (keyed, claimed))


def ask(connection: Connection, hello: Hello, address: str, now: datetime) -> Verdict:
    """Note that an old client asks to be let in; what comes of it. One that waits goes on waiting."""
    verdict = verdict_on(connection, hello.device_id, address, now)
    if verdict is Verdict.UNKNOWN:
        return _wait(connection, hello, address, now)
    if verdict is Verdict.SERVED:
        told = {"system_info": hello.system_info, "client_version": storable(hello.client_version)}
        _change(connection, hello.device_id, told | {"last_at": now, "other_address": None})
    return verdict


def note_refused(connection: Connection, named: str, verdict: Verdict, address: str, now: datetime) -> None:
    """Keep that a call was refused: a row an hour for each network and reason, and the address with the device."""
    if verdict is Verdict.ELSEWHERE:
        _change(connection, named, {"other_address": address})
    entry = Entry(STRANGER, "legacy", named or address, verdict.value, address)
    count(connection, entry, network_of(address), now)


def take_string(connection: Connection, named: str, address: str, now: datetime) -> bool:
    """Note that the connection string is given now; false where it was already."""
    free = (_rows.named_id == named) & _rows.issued_at.is_(None) & _rows.approved_at.is_not(None)
    values = {"issued_at": now, "issues": _rows.issues + 1, "hub_enabled": func.coalesce(_rows.hub_enabled, True)}
    if not connection.execute(update(legacy_devices).where(free).values(values)).rowcount:
        return False
    note(connection, Entry(STRANGER, "legacy issue", named, "connection string given", address), now)
    return True


def _change(connection: Connection, named: str, values: dict[str, Any]) -> int:
    return connection.execute(update(legacy_devices).where(_rows.named_id == named).values(values)).rowcount


def _wait(connection: Connection, hello: Hello, address: str, now: datetime) -> Verdict:
    waits = _rows.approved_at.is_(None)
    connection.execute(delete(legacy_devices).where(waits, _rows.last_at <= now - WAITS_FOR))
    told: dict[str, Any] = {
        "system_info": hello.system_info,
        "client_version": storable(hello.client_version),
        "last_at": now,
    }
    row = find(connection, hello.device_id)
    if row is not None:
        told |= {"other_address": address} if row.address != address else {}
        _change(connection, hello.device_id, told)
        return Verdict.UNKNOWN
    if _is_full(connection, network_of(address)):
        return Verdict.CROWDED
    named = {"named_id": hello.device_id, "hub_id": PREFIX + hello.device_id}
    place = {"address": address, "network": network_of(address), "first_at": now}
    connection.execute(insert(legacy_devices).values(told | named | place | {"issues": 0, "scans": 0}))
    note(connection, Entry(STRANGER, "legacy", hello.device_id, Verdict.UNKNOWN.value, address), now)
    return Verdict.UNKNOWN


def _is_full(connection: Connection, network: str) -> bool:
    waiting = select(func.count()).select_from(legacy_devices).where(_rows.approved_at.is_(None))
    of_network = connection.execute(waiting.where(_rows.network == network)).scalar() or 0
    return of_network >= MOST_OF_NETWORK or (connection.execute(waiting).scalar() or 0) >= MOST


def at_address(connection: Connection, address: str) -> list[str]:
    """The names of the old clients that were approved at an address."""
    query = select(_rows.named_id).where(_rows.address == address, _rows.approved_at.is_not(None))
    return list(connection.execute(query.order_by(_rows.named_id).limit(MOST_OF_NETWORK)).scalars())
