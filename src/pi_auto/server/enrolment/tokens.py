"""API tokens of devices with keys: 24 hours, the current one and the one before it, kept as SHA-256."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from pi_auto.server.enrolment.tables import device_tokens
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.store.statements import first_row, moments

LASTS = timedelta(hours=24)
_CURRENT, _PREVIOUS = "current", "previous"
_BY_HASH = "SELECT device_id FROM device_tokens WHERE hash = ? AND expires_at > ?"


def issue(connection: Connection, device_id: str, now: datetime, holds: bytes | None = None) -> str:
    """A fresh token. The one that the device `holds`, else the current one, stays good as long as it was.

    The device may have lost the last answer to a power cut, many times in a row: what it proves
    to hold is kept, and what it never showed is let go.
    """
    tokens = device_tokens.c
    of_device = tokens.device_id == device_id
    kept = holds if holds and place_of(connection, device_id, holds) else _current(connection, device_id)
    connection.execute(delete(device_tokens).where(of_device, tokens.hash != kept if kept else of_device))
    connection.execute(update(device_tokens).where(of_device).values(place=_PREVIOUS))
    text = secrets.token_urlsafe(32)
    row = {"hash": hash_secret(text), "device_id": device_id, "place": _CURRENT}
    connection.execute(insert(device_tokens).values(row | {"issued_at": now, "expires_at": now + LASTS}))
    return text


def place_of(connection: Connection, device_id: str, hashed: bytes) -> str | None:
    """`current` or `previous` where the device's token of this hash is that, whether it has run out or not."""
    tokens = device_tokens.c
    query = select(tokens.place).where(tokens.hash == hashed, tokens.device_id == device_id)
    place: str | None = connection.execute(query).scalar()
    return place


def is_stale(connection: Connection, device_id: str, hashed: bytes) -> bool:
    """Whether a token of this hash was replaced by others. Where all were withdrawn, none was replaced."""
    places = select(device_tokens.c.hash).where(device_tokens.c.device_id == device_id)
    held = connection.execute(places).scalars().all()
    return bool(held) and hashed not in held


def device_of(connection: Connection, hashed: bytes, now: datetime) -> str | None:
    """The device that a good token of this hash belongs to."""
    row = first_row(connection, _BY_HASH, (hashed, moments(connection.dialect)(now)))
    return str(row[0]) if row else None


def withdraw(connection: Connection, device_id: str) -> None:
    """Let all tokens of the device be good for nothing."""
    connection.execute(delete(device_tokens).where(device_tokens.c.device_id == device_id))


def _current(connection: Connection, device_id: str) -> bytes | None:
    tokens = device_tokens.c
    query = select(tokens.hash).where(tokens.device_id == device_id, tokens.place == _CURRENT)
    hashed: bytes | None = connection.execute(query).scalar()
    return hashed
