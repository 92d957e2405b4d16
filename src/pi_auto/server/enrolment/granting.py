"""What operators decide about devices: yes, beforehand, never again, once more. Each is in the audit trail."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.enrolment import tokens
from pi_auto.server.enrolment.clones import end_span
from pi_auto.server.enrolment.facts import KEY, SERIAL, identity_of_device
from pi_auto.server.enrolment.rules import Policy
from pi_auto.server.enrolment.tables import (
    batches,
    enrolment_settings,
    identities,
    pending,
    preauthorisations,
    revocations,
)
from pi_auto.server.enrolment.waiting import waits_no_more
from pi_auto.server.enrolment.wishes import wish_as_it_stands
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.fleet.tables import devices
from pi_auto.server.operators.rules import NAME_ALLOWED, TOKEN_NAME
from pi_auto.server.store.text import storable
from pi_auto.wire.enrolment import SERIAL as SERIAL_FORM
from pi_auto.wire.enrolment import SERIAL_ALLOWED
from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.keys import FINGERPRINT

LONGEST = timedelta(days=366)
MOST_OF_BATCH = 1_000_000


def set_policy(connection: Connection, policy: Policy, by: str, now: datetime) -> None:
    """From now on devices are taken in by this policy."""
    connection.execute(delete(enrolment_settings).where(enrolment_settings.c.name == "policy"))
    connection.execute(insert(enrolment_settings).values(name="policy", value=policy.value))
    note(connection, Entry(by, "policy", "fleet", policy), now)


def approve(connection: Connection, serial: str, fingerprint: str, by: str, now: datetime) -> str:
    """Say yes to a device that waits; its id. It is enrolled when it asks again. Raises FieldError."""
    same = (pending.c.serial == serial) & (pending.c.fingerprint == fingerprint)
    device_id = connection.execute(select(pending.c.device_id).where(same)).scalar()
    if device_id is None:
        raise FieldError("serial", shown(serial), "the serial and the key of a device that waits")
    _refuse_bound(connection, serial, fingerprint, str(device_id))
    connection.execute(update(pending).where(same).values(approved_by=by))
    detail = {"serial": serial, "key": fingerprint}
    note(connection, Entry(by, "approve", str(device_id), "approved", detail=detail), now)
    return str(device_id)


def _refuse_bound(connection: Connection, serial: str, fingerprint: str, device_id: str) -> None:
    """A yes alone cannot take an id or a key from another device."""
    ids = identities.c
    same = (ids.serial == serial) & (ids.device_id != device_id)
    other = (ids.serial != serial) & ((ids.device_id == device_id) | (ids.fingerprint == fingerprint))
    found = connection.execute(select(ids.device_id, ids.serial).where(same | other)).first()
    if found:
        bound = f"serial {found.serial} is enrolled as {found.device_id}; decommission that first"
        raise FieldError("device_id", shown(device_id), f"an id and a key that nobody else has: {bound}")


def preauthorise(
    connection: Connection, serial: str, fingerprint: str | None, lasts: timedelta, by: str, now: datetime
) -> str | None:
    """Let this serial in: with the key of that fingerprint, or with a secret that is returned, once."""
    if not SERIAL_FORM.match(serial):
        raise FieldError("serial", shown(serial), SERIAL_ALLOWED)
    if fingerprint is not None and not FINGERPRINT.match(fingerprint):
        raise FieldError("fingerprint", shown(fingerprint), "the SHA-256 of the device's key, 64 hex digits")
    _check_time(lasts)
    secret = None if fingerprint else f"once_{secrets.token_urlsafe(32)}"
    connection.execute(delete(preauthorisations).where(preauthorisations.c.serial == serial))
    hashed = hash_secret(secret) if secret else None
    row = {"serial": serial, "fingerprint": fingerprint, "secret_hash": hashed, "made_by": by, "made_at": now}
    connection.execute(insert(preauthorisations).values(row | {"expires_at": now + lasts}))
    note(connection, Entry(by, "preauthorise", serial, "key" if fingerprint else "secret"), now)
    return secret


def make_batch(connection: Connection, name: str, most: int, lasts: timedelta, by: str, now: datetime) -> str:
    """A token that lets `most` devices in until it runs out. It is shown once. Raises FieldError."""
    if not TOKEN_NAME.match(name):
        raise FieldError("name", shown(name), NAME_ALLOWED)
    if connection.execute(select(batches.c.name).where(batches.c.name == name)).first():
        raise FieldError("name", shown(name), "a name that no batch has or had")
    if not 1 <= most <= MOST_OF_BATCH:
        raise FieldError("most", str(most), f"from 1 to {MOST_OF_BATCH} devices")
    _check_time(lasts)
    text = f"batch_{secrets.token_urlsafe(32)}"
    row = {"name": name, "hash": hash_secret(text), "most": most, "used": 0, "made_by": by, "made_at": now}
    connection.execute(insert(batches).values(row | {"expires_at": now + lasts}))
    note(connection, Entry(by, "batch", name, "made", detail={"most": most}), now)
    return text


def end_batch(connection: Connection, name: str, by: str, now: datetime) -> bool:
    """Let the batch's token be good for nothing; whether it was good for something."""
    good = (batches.c.name == name) & batches.c.revoked_at.is_(None)
    ended = bool(connection.execute(update(batches).where(good).values(revoked_at=now)).rowcount)
    if ended:
        note(connection, Entry(by, "batch", name, "ended"), now)
    return ended


def refuse(connection: Connection, serial: str, fingerprint: str, by: str, now: datetime) -> str:
    """Say no to a device that waits; the id it asked for. Raises FieldError.

    Its key is shut out, its serial is not: that may be another's, whom an impostor has named.
    """
    same = (pending.c.serial == serial) & (pending.c.fingerprint == fingerprint)
    device_id = connection.execute(select(pending.c.device_id).where(same)).scalar()
    if device_id is None:
        raise FieldError("serial", shown(serial), "the serial and the key of a device that waits")
    if connection.execute(select(identities.c.serial).where(identities.c.fingerprint == fingerprint)).first():
        raise FieldError("serial", shown(serial), "a device whose key is not enrolled; revoke that one instead")
    _shut_out(connection, KEY, fingerprint, f"refused as {serial}", by, now)
    connection.execute(delete(pending).where(pending.c.fingerprint == fingerprint))
    detail = {"serial": serial, "key": fingerprint}
    note(connection, Entry(by, "refuse", str(device_id), "refused", detail=detail), now)
    return str(device_id)


def revoke(connection: Connection, device_id: str, reason: str, by: str, now: datetime) -> None:
    """Shut out a device's serial and its key, under every policy, until it is lifted. Raises FieldError."""
    identity = identity_of_device(connection, device_id)
    if identity is None:
        raise _unknown(device_id)
    for kind, value in ((SERIAL, identity.serial), (KEY, identity.fingerprint)):
        _shut_out(connection, kind, value, reason, by, now)
    tokens.withdraw(connection, device_id)
    waits_no_more(connection, identity.serial)
    wish_as_it_stands(connection, device_id, now)
    note(connection, Entry(by, "revoke", device_id, "revoked", detail={"reason": storable(reason)[:255]}), now)


def lift(connection: Connection, named: str, by: str, now: datetime) -> bool:
    """Let in a device again, or a key or a serial that is shut out; whether it was. Raises FieldError."""
    identity = identity_of_device(connection, named)
    of_it = (named,) if identity is None else (identity.serial, identity.fingerprint)
    if not connection.execute(delete(revocations).where(revocations.c.value.in_(of_it))).rowcount:
        if identity is None:
            allowed = "a device that is enrolled, or a key or serial that is shut out"
            raise FieldError("device_id", shown(named), allowed)
        return False
    for device_id in _devices_of(connection, of_it):
        wish_as_it_stands(connection, device_id, now)
    note(connection, Entry(by, "lift", named, "lifted"), now)
    return True


def _devices_of(connection: Connection, values: tuple[str, ...]) -> list[str]:
    """Whose serial or key one of these is."""
    held = identities.c.serial.in_(values) | identities.c.fingerprint.in_(values)
    return list(connection.execute(select(identities.c.device_id).where(held)).scalars())


def decommission(connection: Connection, device_id: str, by: str, now: datetime) -> None:
    """Forget whose key the device id belongs to: it may enrol anew. Its scans stay. Raises FieldError.

    What was shut out stays shut out: a stolen device is not let in by being forgotten.
    """
    identity = identity_of_device(connection, device_id)
    if identity is None:
        raise _unknown(device_id)
    tokens.withdraw(connection, device_id)
    waits_no_more(connection, identity.serial)
    end_span(connection, device_id, by, now)
    connection.execute(delete(identities).where(identities.c.serial == identity.serial))
    connection.execute(update(devices).where(devices.c.device_id == device_id).values(claim_hash=None))
    wish_as_it_stands(connection, device_id, now)
    detail = {"serial": identity.serial, "key": identity.fingerprint}
    note(connection, Entry(by, "decommission", device_id, "decommissioned", detail=detail), now)


def _shut_out(connection: Connection, kind: str, value: str, reason: str, by: str, now: datetime) -> None:
    same = (revocations.c.kind == kind) & (revocations.c.value == value)
    connection.execute(delete(revocations).where(same))
    row = {"kind": kind, "value": value, "made_by": by, "made_at": now, "reason": storable(reason)[:255]}
    connection.execute(insert(revocations).values(row))


def _unknown(device_id: str) -> FieldError:
    return FieldError("device_id", shown(device_id), "a device that is enrolled with a key")


def _check_time(lasts: timedelta) -> None:
    if not timedelta(0) < lasts <= LONGEST:
        raise FieldError("lasts", str(lasts), f"more than nothing and at most {LONGEST.days} days")
