"""Takes a device's signed request into the books, in one transaction: nonce, verdict, rows, token, audit.

The signature was checked before; whatever can have changed since is asked anew here. Whatever is
repeated makes no second row.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pi_auto.server.audit.trail import Entry, count, note
from pi_auto.server.enrolment import tokens
from pi_auto.server.enrolment.facts import (
    batch_named_by,
    facts_of,
    identity_of_serial,
    policy_of,
)
from pi_auto.server.enrolment.nonces import use_up
from pi_auto.server.enrolment.rules import Facts, Grant, Verdict, decide, next_boots
from pi_auto.server.enrolment.tables import batches, identities, pending, preauthorisations
from pi_auto.server.enrolment.waiting import network_of, note_waiting, waits_no_more
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.fleet.registering import hostname_of
from pi_auto.server.fleet.tables import devices
from pi_auto.server.fleet.tables import tokens as claimed_tokens
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.text import storable
from pi_auto.wire.enrolment import Enrolment
from pi_auto.wire.verdicts import Refusing, Waiting

ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; token and registration date only where the verdict is a grant."""

    verdict: Verdict
    registered_at: datetime | None = None
    token: str | None = field(default=None, repr=False)


def foresee(connection: Connection, asked: Enrolment, now: datetime) -> Verdict:
    """What `take_in` would decide just now: the hub is not to hear of a device that is not taken in."""
    return decide(policy_of(connection), facts_of(connection, asked, now))


def take_in(connection: Connection, asked: Enrolment, address: str, now: datetime) -> Outcome:
    """Decide and write. The request's signature, its fleet and the seal of its nonce are good."""
    if not use_up(connection, asked.nonce, now):
        return _refuse(connection, asked, Refusing.NONCE, address, now)
    facts = facts_of(connection, asked, now)
    verdict = decide(policy_of(connection), facts)
    if isinstance(verdict, Refusing):
        return _refuse(connection, asked, verdict, address, now)
    if isinstance(verdict, Waiting):
        return _wait(connection, asked, verdict, address, now)
    return _grant(connection, asked, verdict, facts, address, now)


def _refuse(connection: Connection, asked: Enrolment, reason: Refusing, address: str, now: datetime) -> Outcome:
    detail = {"serial": asked.serial, "key": asked.key.fingerprint}
    entry = Entry(f"device {asked.device_id}", ENROL, asked.device_id, reason, address, detail)
    count(connection, entry, network_of(address), now)
    return Outcome(reason)


def _wait(connection: Connection, asked: Enrolment, reason: Waiting, address: str, now: datetime) -> Outcome:
    if not note_waiting(connection, asked, reason, address, now):
        return _refuse(connection, asked, Refusing.FULL, address, now)
    detail = {"serial": asked.serial, "key": asked.key.fingerprint}
    entry = Entry(f"device {asked.device_id}", ENROL, asked.device_id, f"waits: {reason}", address, detail)
    count(connection, entry, f"{network_of(address)} {asked.serial}", now)
    return Outcome(reason)


def _grant(
    connection: Connection, asked: Enrolment, grant: Grant, facts: Facts, address: str, now: datetime
) -> Outcome:
    by = _granted_by(connection, asked, grant)
    _write_device(connection, asked, now, new=grant is not Grant.KNOWN)
    _write_identity(connection, asked, by, now)
    if grant is not Grant.KNOWN:
        if facts.known_key not in {None, facts.key}:
            tokens.withdraw(connection, asked.device_id)  # of the key before this one
        _spend(connection, asked, grant)
        detail = {"serial": asked.serial, "key": asked.key.fingerprint, "replaces": facts.known_key}
        note(connection, Entry(by, ENROL, asked.device_id, "enrolled", address, detail), now)
    waits_no_more(connection, asked.serial)
    token = tokens.issue(connection, asked.device_id, now, bytes.fromhex(asked.holds) if asked.holds else None)
    registered = select(devices.c.registered_at).where(devices.c.device_id == asked.device_id)
    return Outcome(grant, connection.execute(registered).scalar(), token)


def _granted_by(connection: Connection, asked: Enrolment, grant: Grant) -> str:
    """Who is to be named for it."""
    if grant is Grant.OPERATOR:
        same = (pending.c.serial == asked.serial) & (pending.c.fingerprint == asked.key.fingerprint)
        return str(connection.execute(select(pending.c.approved_by).where(same)).scalar())
    if grant is Grant.BATCH and asked.batch_token and (row := batch_named_by(connection, asked.batch_token)):
        return f"batch {row.name}"
    if grant is Grant.PREAUTHORISED:
        made_by = select(preauthorisations.c.made_by).where(preauthorisations.c.serial == asked.serial)
        return str(connection.execute(made_by).scalar())
    return f"device {asked.device_id}"


def _spend(connection: Connection, asked: Enrolment, grant: Grant) -> None:
    """What was good for this one enrolment is used up."""
    if grant is Grant.BATCH and asked.batch_token:
        same = batches.c.hash == hash_secret(asked.batch_token)
        connection.execute(update(batches).where(same).values(used=batches.c.used + 1))
    connection.execute(delete(preauthorisations).where(preauthorisations.c.serial == asked.serial))


def _write_device(connection: Connection, asked: Enrolment, now: datetime, *, new: bool) -> None:
    told = asked.registration
    row: dict[str, Any] = {
        "hostname": hostname_of(told.system_info),
        "client_version": storable(told.client_version),
        "system_info": told.system_info,
        "last_api_at": now,
        "changed": next_change(connection),
    }
    if new:
        # A claim that nobody knows: from now on the key alone opens this id.
        row |= {"claim_hash": hash_secret(secrets.token_hex(32)), "registered_at": now}
        connection.execute(delete(claimed_tokens).where(claimed_tokens.c.device_id == asked.device_id))
    same = devices.c.device_id == asked.device_id
    if not connection.execute(update(devices).where(same).values(row)).rowcount:
        connection.execute(insert(devices).values(row | {"device_id": asked.device_id, "registered_at": now}))


def _write_identity(connection: Connection, asked: Enrolment, by: str, now: datetime) -> None:
    known = identity_of_serial(connection, asked.serial)
    if known and known.fingerprint == asked.key.fingerprint:
        note_boot(connection, known, asked.boot, now)
        return
    row = {
        "device_id": asked.device_id,
        "public_key": asked.key.der,
        "fingerprint": asked.key.fingerprint,
        "enrolled_at": now,
        "granted_by": by,
        "boots": [asked.boot],
        "cloned_at": None,
    }
    if known:
        connection.execute(update(identities).where(identities.c.serial == asked.serial).values(row))
    else:
        connection.execute(insert(identities).values(row | {"serial": asked.serial}))


def note_boot(connection: Connection, identity: Any, boot: str, now: datetime) -> bool:
    """Keep the boot that speaks; whether two devices seem to speak in turns with this key."""
    boots, returned = next_boots(identity.boots, boot)
    values: dict[str, Any] = {"boots": boots}
    if returned and identity.cloned_at is None:
        values["cloned_at"] = now
        detail = {"serial": identity.serial, "boot": boot}
        note(connection, Entry("server", "clone", identity.device_id, "boots in turns", None, detail), now)
    same = identities.c.serial == identity.serial
    connection.execute(update(identities).where(same).values(values))
    return returned
