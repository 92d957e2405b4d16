"""Gathers from the books what the rules want to know of a device that asks."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from pi_auto.server.enrolment.rules import Batch, Facts, Policy, Preauthorised
from pi_auto.server.enrolment.tables import (
    batches,
    binding_codes,
    enrolment_settings,
    identities,
    pending,
    preauthorisations,
    revocations,
)
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.fleet.tables import devices
from pi_auto.wire.enrolment import Enrolment

SERIAL, KEY = "serial", "key"
_POLICY = "policy"


def policy_of(connection: Connection) -> Policy:
    """The fleet's policy; an operator's yes for each device unless told otherwise."""
    query = select(enrolment_settings.c.value).where(enrolment_settings.c.name == _POLICY)
    return Policy(connection.execute(query).scalar() or Policy.APPROVE)


def facts_of(connection: Connection, asked: Enrolment, now: datetime) -> Facts:
    """The facts of one request."""
    key = asked.key.fingerprint
    known = identity_of_serial(connection, asked.serial)
    return Facts(
        key=key,
        revoked=is_revoked(connection, asked.serial, key),
        known_key=known.fingerprint if known else None,
        serial_has_other_id=known is not None and known.device_id != asked.device_id,
        key_has_other_serial=_held_by_other(connection, asked, identities.c.fingerprint == key),
        id_has_other_serial=_held_by_other(connection, asked, identities.c.device_id == asked.device_id),
        id_is_claimed=known is None and _is_claimed(connection, asked),
        approved=_is_approved(connection, asked),
        batch=_batch(connection, asked.batch_token, now),
        preauthorised=_preauthorised(connection, asked, now),
    )


def identity_of_serial(connection: Connection, serial: str) -> Row[Any] | None:
    """The identity with this serial."""
    return connection.execute(select(identities).where(identities.c.serial == serial)).first()


def identity_of_device(connection: Connection, device_id: str) -> Row[Any] | None:
    """The identity with this device id."""
    return connection.execute(select(identities).where(identities.c.device_id == device_id)).first()


def is_revoked(connection: Connection, serial: str, fingerprint: str) -> bool:
    """Whether an operator has shut out the serial or the key."""
    shut = revocations.c
    of_serial = (shut.kind == SERIAL) & (shut.value == serial)
    of_key = (shut.kind == KEY) & (shut.value == fingerprint)
    return connection.execute(select(shut.kind).where(of_serial | of_key)).first() is not None


def batch_named_by(connection: Connection, token: str) -> Row[Any] | None:
    """The batch whose token this is. It is found by its hash: nothing tells how near a guess was."""
    return connection.execute(select(batches).where(batches.c.hash == hash_secret(token))).first()


def _held_by_other(connection: Connection, asked: Enrolment, held: Any) -> bool:
    query = select(identities.c.serial).where(held, identities.c.serial != asked.serial)
    return connection.execute(query).first() is not None


def _is_claimed(connection: Connection, asked: Enrolment) -> bool:
    """Whether a device from before there were keys has the id, and this request does not show its claim."""
    query = select(devices.c.claim_hash).where(devices.c.device_id == asked.device_id)
    wanted = connection.execute(query).scalar()
    shown = asked.registration.claim
    return wanted is not None and not (shown and hmac.compare_digest(wanted, hash_secret(shown)))


def _is_approved(connection: Connection, asked: Enrolment) -> bool:
    asking = (pending.c.serial == asked.serial) & (pending.c.fingerprint == asked.key.fingerprint)
    same = asking & (pending.c.device_id == asked.device_id) & pending.c.approved_by.is_not(None)
    return connection.execute(select(pending.c.serial).where(same)).first() is not None


def _batch(connection: Connection, token: str | None, now: datetime) -> Batch:
    if token is None:
        return Batch.NONE
    row = batch_named_by(connection, token)
    if row is None or row.revoked_at:
        return Batch.UNKNOWN
    if row.expires_at <= now:
        return Batch.RUN_OUT
    return Batch.GOOD if row.used < row.most else Batch.USED_UP


def code_named_by(connection: Connection, asked: Enrolment, now: datetime) -> Row[Any] | None:
    """The one-time code that is shown, where it is good for this serial; found by its hash, as batches are."""
    if asked.secret is None:
        return None
    code = binding_codes.c
    good = (code.hash == hash_secret(asked.secret)) & (code.expires_at > now)
    good &= or_(code.serial.is_(None), code.serial == asked.serial)
    return connection.execute(select(binding_codes).where(good)).first()


def preauthorised_by(connection: Connection, asked: Enrolment) -> str:
    """Who has made the code, or the preauthorisation, that lets the device in."""
    code = select(binding_codes.c.made_by).where(binding_codes.c.hash == hash_secret(asked.secret or ""))
    granted = select(preauthorisations.c.made_by).where(preauthorisations.c.serial == asked.serial)
    return str(connection.execute(code).scalar() or connection.execute(granted).scalar())


def _preauthorised(connection: Connection, asked: Enrolment, now: datetime) -> Preauthorised:
    if code_named_by(connection, asked, now):
        return Preauthorised.SECRET
    query = select(preauthorisations).where(preauthorisations.c.serial == asked.serial)
    row = connection.execute(query).first()
    if row is None or row.expires_at <= now:
        return Preauthorised.WRONG if asked.secret else Preauthorised.NO
    if row.fingerprint:
        fits = hmac.compare_digest(row.fingerprint, asked.key.fingerprint)
        return Preauthorised.KEY if fits else Preauthorised.WRONG
    if row.secret_hash:
        return _secret(row.secret_hash, asked.secret)
    return Preauthorised.BARE


def _secret(wanted: bytes, shown: str | None) -> Preauthorised:
    """No secret at all is no attempt: the device may be a printed serial alone, and waits for an operator."""
    if shown is None:
        return Preauthorised.BARE
    return Preauthorised.SECRET if hmac.compare_digest(wanted, hash_secret(shown)) else Preauthorised.WRONG
