"""Takes a registration into the books; the decision is `claims.decide`'s, the transaction the writer's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, insert, select, update

from pi_auto.server.fleet.claims import Decision, Holding, decide, hash_secret
from pi_auto.server.fleet.tables import devices, tokens
from pi_auto.server.fleet.tokens import issue_token
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.text import storable
from pi_auto.wire.registration import Registration

_MOST_HOSTNAME = 253


@dataclass(frozen=True, slots=True)
class Registered:
    """What came of it; the token is there once, for whoever proved the claim."""

    decision: Decision
    registered_at: datetime | None = None
    token: str | None = field(default=None, repr=False)


def foresee(connection: Connection, registration: Registration) -> Decision:
    """What `register` would decide just now: the hub is not to hear of an id that is refused anyway."""
    return decide(_holding(connection, registration.device_id), registration.claim)


def register(connection: Connection, registration: Registration, now: datetime) -> Registered:
    """Decide and, where the caller has a right to it, write the row and issue a token."""
    decision = decide(_holding(connection, registration.device_id), registration.claim)
    if decision is Decision.REFUSE:
        return Registered(decision)
    if decision is Decision.KNOWN:  # whoever says so has proved nothing: the row stays as it is
        return Registered(decision, _registered_at(connection, registration.device_id))
    _write(connection, registration, decision, now)
    token = issue_token(connection, registration.device_id, now)
    return Registered(decision, _registered_at(connection, registration.device_id), token)


def hostname_of(system_info: dict[str, Any]) -> str | None:
    """The host name a device tells of itself, where it is one."""
    name = system_info.get("hostname")
    return storable(name) if isinstance(name, str) and 0 < len(name) <= _MOST_HOSTNAME else None


def _write(connection: Connection, registration: Registration, decision: Decision, now: datetime) -> None:
    row: dict[str, Any] = {
        "hostname": hostname_of(registration.system_info),
        "client_version": storable(registration.client_version),
        "system_info": registration.system_info,
        "last_api_at": now,
        "changed": next_change(connection),
    }
    if decision is Decision.RENEW:
        connection.execute(_update(registration.device_id).values(row))
        return
    row["claim_hash"] = hash_secret(registration.claim) if registration.claim else None
    row["registered_at"] = now
    if decision is Decision.ENROL:
        connection.execute(insert(devices).values(row | {"device_id": registration.device_id}))
    else:
        connection.execute(_update(registration.device_id).values(row))


def _update(device_id: str) -> Any:
    return update(devices).where(devices.c.device_id == device_id)


def _holding(connection: Connection, device_id: str) -> Holding | None:
    has_token = exists().where(tokens.c.device_id == device_id)
    query = select(devices.c.claim_hash, has_token.label("has_token")).where(devices.c.device_id == device_id)
    row = connection.execute(query).first()
    return Holding(row.claim_hash, bool(row.has_token)) if row else None


def _registered_at(connection: Connection, device_id: str) -> datetime | None:
    query = select(devices.c.registered_at).where(devices.c.device_id == device_id)
    return connection.execute(query).scalar()
