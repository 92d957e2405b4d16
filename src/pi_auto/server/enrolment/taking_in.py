"""Takes a device's signed request into the books, in one transaction: nonce, verdict, rows, token, audit.

The signature was checked before; whatever can have changed since is asked anew here. Whatever is
repeated makes no second row.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pi_auto.server.audit.trail import Entry, count, note
from pi_auto.server.enrolment import tokens
from pi_auto.server.enrolment.clones import Contact, end_span, note_contact
from pi_auto.server.enrolment.facts import (
    batch_named_by,
    facts_of,
    identity_of_serial,
    policy_of,
    preauthorised_by,
)
from pi_auto.server.enrolment.nonces import use_up
from pi_auto.server.enrolment.rules import Batch, Facts, Grant, Preauthorised, Verdict, decide
from pi_auto.server.enrolment.spending import spend
from pi_auto.server.enrolment.tables import identities, pending, preauthorisations
from pi_auto.server.enrolment.waiting import network_of, note_waiting, waits_no_more
from pi_auto.server.enrolment.wishes import is_to_be_absent, wish_as_it_stands
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.fleet.registering import hostname_of
from pi_auto.server.fleet.tables import devices
from pi_auto.server.fleet.tables import tokens as claimed_tokens
from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.text import storable
from pi_auto.wire.enrolment import Enrolment
from pi_auto.wire.verdicts import Refusing, Waiting

ENROL = "enrol"
_MOST_RACES = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; token and registration date only where the verdict is a grant."""

    verdict: Verdict
    registered_at: datetime | None = None
    token: str | None = field(default=None, repr=False)
    guessed: bool = False  # it showed a batch token or a secret that nobody has made, or not for it


def foresee(connection: Connection, asked: Enrolment, now: datetime) -> Verdict:
    """What `take_in` would decide just now: the hub is not to hear of a device that is not taken in."""
    return decide(policy_of(connection), facts_of(connection, asked, now))


def take_in(
    connection: Connection, asked: Enrolment, address: str, now: datetime, *, at_hub: bool = False
) -> Outcome:
    """Decide and write. The request's signature, its fleet and the seal of its nonce are good.

    `at_hub`: the device was put there just now, which is void if an operator has it removed meanwhile.
    Raises HubUnavailable then.
    """
    if not use_up(connection, asked.nonce, now):
        return _refuse(connection, asked, Refusing.NONCE, address, now)
    facts, verdict = _decided(connection, asked, now)
    if isinstance(verdict, Refusing):
        return replace(_refuse(connection, asked, verdict, address, now), guessed=_is_guess(asked, facts))
    if isinstance(verdict, Waiting):
        return replace(_wait(connection, asked, verdict, address, now), guessed=_is_guess(asked, facts))
    if at_hub and is_to_be_absent(connection, asked.device_id):
        raise HubUnavailable(f"the hub has still to forget the {asked.device_id} of before")
    return _grant(connection, asked, verdict, facts, address, now)


def _is_guess(asked: Enrolment, facts: Facts) -> bool:
    wrong_secret = asked.secret is not None and facts.preauthorised is Preauthorised.WRONG
    return wrong_secret or facts.batch is Batch.UNKNOWN


def _decided(connection: Connection, asked: Enrolment, now: datetime) -> tuple[Facts, Grant | Waiting | Refusing]:
    """The verdict, with what it rests on used up; where another server was faster, what is so without that."""
    for _ in range(_MOST_RACES):
        facts = facts_of(connection, asked, now)
        verdict = decide(policy_of(connection), facts)
        if not isinstance(verdict, Grant):
            return facts, verdict
        by = _granted_by(connection, asked, verdict)
        if spend(connection, asked, verdict, now):
            return replace(facts, granted_by=by), verdict
    return facts, Refusing.CROWDED


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
    by = facts.granted_by
    new = grant is not Grant.KNOWN
    holds = bytes.fromhex(asked.holds) if asked.holds else None
    _write_device(connection, asked, now, new=new)
    _write_identity(connection, asked, Contact(asked.boot, asked.nonce, holds, address), by, now)
    if new:
        _begin_anew(connection, asked, facts, by, now)
        detail = {"serial": asked.serial, "key": asked.key.fingerprint, "replaces": facts.known_key}
        note(connection, Entry(by, ENROL, asked.device_id, "enrolled", address, detail), now)
    waits_no_more(connection, asked.serial)
    token = tokens.issue(connection, asked.device_id, now, holds)
    registered = select(devices.c.registered_at).where(devices.c.device_id == asked.device_id)
    return Outcome(grant, connection.execute(registered).scalar(), token)


def _begin_anew(connection: Connection, asked: Enrolment, facts: Facts, by: str, now: datetime) -> None:
    """What was granted beforehand has served; with another key, whatever was of the one before is over."""
    connection.execute(delete(preauthorisations).where(preauthorisations.c.serial == asked.serial))
    if facts.known_key not in {None, facts.key}:
        tokens.withdraw(connection, asked.device_id)
        end_span(connection, asked.device_id, by, now)
        wish_as_it_stands(connection, asked.device_id, now)


def _granted_by(connection: Connection, asked: Enrolment, grant: Grant) -> str:
    """Who is to be named for it."""
    if grant is Grant.OPERATOR:
        same = (pending.c.serial == asked.serial) & (pending.c.fingerprint == asked.key.fingerprint)
        return str(connection.execute(select(pending.c.approved_by).where(same)).scalar())
    if grant is Grant.BATCH and asked.batch_token and (row := batch_named_by(connection, asked.batch_token)):
        return f"batch {row.name}"
    if grant is Grant.PREAUTHORISED:
        return preauthorised_by(connection, asked)
    return f"device {asked.device_id}"


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


def _write_identity(connection: Connection, asked: Enrolment, contact: Contact, by: str, now: datetime) -> None:
    known = identity_of_serial(connection, asked.serial)
    if known and known.fingerprint == asked.key.fingerprint:
        note_contact(connection, known, contact, now)
        return
    row = {
        "device_id": asked.device_id,
        "public_key": asked.key.der,
        "fingerprint": asked.key.fingerprint,
        "enrolled_at": now,
        "granted_by": by,
        "boots": [[asked.boot, round(now.timestamp() * 1000)]],
        "cloned_at": None,
    }
    if known:
        connection.execute(update(identities).where(identities.c.serial == asked.serial).values(row))
    else:
        connection.execute(insert(identities).values(row | {"serial": asked.serial}))
