"""API tokens of devices with keys: 24 hours, the current one and the one before it, kept as SHA-256."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from pi_auto.server.enrolment.tables import device_tokens, identities, retired_tokens
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.store.statements import first_row, moments

LASTS = timedelta(hours=24)
_MOST_RETIRED = 32  # of a device: some weeks of its tokens
_CURRENT, _PREVIOUS = "current", "previous"
_BY_HASH = "SELECT device_id FROM device_tokens WHERE hash = ? AND expires_at > ?"


def issue(connection: Connection, device_id: str, now: datetime, holds: bytes | None = None) -> str:
    """A fresh token. The one that the device `holds`, else the current one, stays good as long as it was.

    The device may have lost the last answer to a power cut, many times in a row: what it proves
    to hold is kept, and what it never showed is let go.
    """
    tokens = device_tokens.c
    of_device = tokens.device_id == device_id
    place = place_of(connection, device_id, holds) if holds else None
    kept = holds if place else _in_place(connection, device_id, _CURRENT)
    if place == _CURRENT and (before := _in_place(connection, device_id, _PREVIOUS)):
        _retire(connection, device_id, before, now)
    connection.execute(delete(device_tokens).where(of_device, tokens.hash != kept if kept else of_device))
    connection.execute(update(device_tokens).where(of_device).values(place=_PREVIOUS))
    text = secrets.token_urlsafe(32)
    row = {"hash": hash_secret(text), "device_id": device_id, "place": _CURRENT}
    connection.execute(insert(device_tokens).values(row | {"issued_at": now, "expires_at": now + LASTS}))
    return text


def retired_at(connection: Connection, device_id: str, hashed: bytes) -> datetime | None:
    """When the device showed that it had kept a later token than this one; None where it never did.

    A token that nobody knows tells nothing: its answer may have come late, or the books are a backup's.
    """
    old = retired_tokens.c
    query = select(old.retired_at).where(old.hash == hashed, old.device_id == device_id)
    moment: datetime | None = connection.execute(query).scalar()
    return moment


def was_retired(connection: Connection, hashed: bytes) -> bool:
    """Whether a token of this hash was that of a device which has shown a later one, and is no clone yet."""
    old = retired_tokens.c
    query = select(old.device_id).join(identities, identities.c.device_id == old.device_id)
    query = query.where(old.hash == hashed, identities.c.cloned_at.is_(None))
    return connection.execute(query).first() is not None


def place_of(connection: Connection, device_id: str, hashed: bytes) -> str | None:
    """`current` or `previous` where the device's token of this hash is that, whether it has run out or not."""
    tokens = device_tokens.c
    query = select(tokens.place).where(tokens.hash == hashed, tokens.device_id == device_id)
    place: str | None = connection.execute(query).scalar()
    return place


def device_of(connection: Connection, hashed: bytes, now: datetime) -> str | None:
    """The device that a good token of this hash belongs to."""
    row = first_row(connection, _BY_HASH, (hashed, moments(connection.dialect)(now)))
    return str(row[0]) if row else None


def withdraw(connection: Connection, device_id: str) -> None:
    """Let all tokens of the device be good for nothing, and tell nothing against it later."""
    connection.execute(delete(device_tokens).where(device_tokens.c.device_id == device_id))
    forget_retired(connection, device_id)


def forget_retired(connection: Connection, device_id: str) -> None:
    """From now on no token of before tells of a clone."""
    connection.execute(delete(retired_tokens).where(retired_tokens.c.device_id == device_id))


def _in_place(connection: Connection, device_id: str, place: str) -> bytes | None:
    tokens = device_tokens.c
    query = select(tokens.hash).where(tokens.device_id == device_id, tokens.place == place)
    hashed: bytes | None = connection.execute(query).scalar()
    return hashed


def _retire(connection: Connection, device_id: str, hashed: bytes, now: datetime) -> None:
    """Whoever shows this one later has not had what followed it. The oldest make room."""
    old = retired_tokens.c
    connection.execute(insert(retired_tokens).values(hash=hashed, device_id=device_id, retired_at=now))
    newest = (
        select(old.hash).where(old.device_id == device_id).order_by(old.retired_at.desc()).limit(_MOST_RETIRED)
    )
    connection.execute(delete(retired_tokens).where(old.device_id == device_id, old.hash.not_in(newest)))
