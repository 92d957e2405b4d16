"""Two devices with one key: both lose the hub, and so their commands; what they scan is booked and marked.

Nobody can tell the copy from the original from afar, so nothing is taken from one alone. An operator
looks at both and settles it: by a new card for one, which makes a new key, or by saying that it is over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.enrolment import tokens
from pi_auto.server.enrolment.facts import identity_of_device
from pi_auto.server.enrolment.nonces import made_at
from pi_auto.server.enrolment.rules import HELD_UP, Boot, Turn, is_stale, next_turn
from pi_auto.server.enrolment.tables import clone_spans, identities, retired_tokens
from pi_auto.server.enrolment.wishes import wish_as_it_stands
from pi_auto.server.fleet.tables import devices
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.statements import first_row
from pi_auto.wire.errors import FieldError, shown

CLONE = "clone"
BOOTS, TOKEN = "boots in turns", "stale token"
_BOOTS = "SELECT boots FROM identities WHERE device_id = ?"


@dataclass(frozen=True, slots=True)
class Contact:
    """A signed request of a device: its boot, the nonce under it, the hash of the token it has kept."""

    boot: str
    nonce: str
    holds: bytes | None
    address: str


def note_contact(connection: Connection, identity: Any, contact: Contact, now: datetime) -> None:
    """Keep the boot that speaks, and look for signs of a second device with this key."""
    asked_at = made_at(contact.nonce)
    turn = next_turn(_pairs(identity.boots), contact.boot, asked_at, now)
    _keep_boots(connection, identity, turn)
    if turn.since:
        _begin(connection, identity, BOOTS, turn.since, contact, now)
    retired = contact.holds and tokens.retired_at(connection, identity.device_id, contact.holds)
    if retired and is_stale(retired, asked_at):
        _begin(connection, identity, TOKEN, retired, contact, now)


def note_live(
    connection: Connection, device_id: str, boot: str, heard_at: datetime, now: datetime, address: str = ""
) -> None:
    """The same for what a device says by its token, or to the hub, and that bears no nonce.

    Nearly always it is the boot that spoke last, which costs one look.
    """
    row = first_row(connection, _BOOTS, (device_id,))
    if row is None or _newest(row[0]) == boot:
        return
    identity = identity_of_device(connection, device_id)
    if identity is None:
        return
    turn = next_turn(_pairs(identity.boots), boot, heard_at - HELD_UP, heard_at)
    _keep_boots(connection, identity, turn)
    if turn.since:
        _begin(connection, identity, BOOTS, turn.since, Contact(boot, "", None, address), now)


def note_stale(connection: Connection, hashed: bytes, now: datetime, address: str) -> None:
    """A token was shown that opens nothing: where its device had done with it before, somebody has a copy."""
    row = connection.execute(select(retired_tokens).where(retired_tokens.c.hash == hashed)).first()
    identity = identity_of_device(connection, row.device_id) if row else None
    if row and identity and is_stale(row.retired_at, now - HELD_UP):
        _begin(connection, identity, TOKEN, row.retired_at, Contact("", "", None, address), now)


def _newest(boots: Any) -> str | None:
    """The boot that spoke last, of a column as the driver gives it."""
    pairs = json.loads(boots) if isinstance(boots, str) else boots
    return str(pairs[-1][0]) if pairs else None


def _pairs(boots: Any) -> list[Boot]:
    return [(boot, first) for boot, first in boots]


def _keep_boots(connection: Connection, identity: Any, turn: Turn) -> None:
    same = identities.c.serial == identity.serial
    connection.execute(update(identities).where(same).values(boots=[list(boot) for boot in turn.boots]))


def settle(connection: Connection, device_id: str, by: str, now: datetime) -> bool:
    """Say that one device alone has the key again; whether two had it. Raises FieldError."""
    identity = identity_of_device(connection, device_id)
    if identity is None:
        raise FieldError("device_id", shown(device_id), "a device that is enrolled with a key")
    if identity.cloned_at is None:
        return False
    tokens.forget_retired(connection, device_id)
    same = identities.c.serial == identity.serial
    connection.execute(update(identities).where(same).values(cloned_at=None, boots=[]))
    end_span(connection, device_id, by, now)
    wish_as_it_stands(connection, device_id, now)
    note(connection, Entry(by, "settle", device_id, "settled", detail={"serial": identity.serial}), now)
    return True


def end_span(connection: Connection, device_id: str, by: str, now: datetime) -> None:
    """Scans from now on are marked no more."""
    running = (clone_spans.c.device_id == device_id) & clone_spans.c.until.is_(None)
    if connection.execute(update(clone_spans).where(running).values(until=now, settled_by=by)).rowcount:
        _show(connection, device_id)


def _begin(
    connection: Connection, identity: Any, evidence: str, since: datetime, contact: Contact, now: datetime
) -> None:
    same = (identities.c.serial == identity.serial) & identities.c.cloned_at.is_(None)
    if not connection.execute(update(identities).where(same).values(cloned_at=now)).rowcount:
        return
    row = {"device_id": identity.device_id, "since": since, "noticed_at": now, "evidence": evidence}
    connection.execute(insert(clone_spans).values(row))
    wish_as_it_stands(connection, identity.device_id, now)
    _show(connection, identity.device_id)
    detail = {"serial": identity.serial, "boot": contact.boot}
    note(connection, Entry("server", CLONE, identity.device_id, evidence, contact.address, detail), now)


def _show(connection: Connection, device_id: str) -> None:
    """Let the live page look at the device again."""
    same = devices.c.device_id == device_id
    connection.execute(update(devices).where(same).values(changed=next_change(connection)))
