"""Gives an enrolled device its next token, for a signature by its key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pi_auto.server.audit.trail import Entry, count
from pi_auto.server.enrolment import tokens
from pi_auto.server.enrolment.clones import Contact, note_contact
from pi_auto.server.enrolment.facts import identity_of_device, is_revoked
from pi_auto.server.enrolment.nonces import use_up
from pi_auto.server.enrolment.waiting import network_of
from pi_auto.wire.enrolment import Renewal
from pi_auto.wire.keys import PublicKey
from pi_auto.wire.verdicts import Refusing

RENEW = "renew"


def key_of(connection: Connection, device_id: str) -> PublicKey | None:
    """The key that the device is enrolled with: what a renewal's signature has to fit."""
    identity = identity_of_device(connection, device_id)
    return PublicKey(identity.public_key) if identity else None


def renew(connection: Connection, asked: Renewal, key: PublicKey, address: str, now: datetime) -> str | Refusing:
    """The next token, or why there is none. `key` is the one that the signature was checked with."""
    identity = identity_of_device(connection, asked.device_id)
    reason = _why_not(connection, asked, identity, key, now)
    if reason or identity is None:
        reason = reason or Refusing.UNKNOWN
        entry = Entry(f"device {asked.device_id}", RENEW, asked.device_id, reason, address)
        count(connection, entry, network_of(address), now)
        return reason
    holds = bytes.fromhex(asked.holds) if asked.holds else None
    note_contact(connection, identity, Contact(asked.boot, asked.nonce, holds, address), now)
    return tokens.issue(connection, asked.device_id, now, holds)


def _why_not(
    connection: Connection, asked: Renewal, identity: Any, key: PublicKey, now: datetime
) -> Refusing | None:
    if not use_up(connection, asked.nonce, now):
        return Refusing.NONCE
    if identity is None:
        return Refusing.UNKNOWN
    if is_revoked(connection, identity.serial, identity.fingerprint):
        return Refusing.REVOKED
    return None if identity.fingerprint == key.fingerprint else Refusing.SIGNATURE
