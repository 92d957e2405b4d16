"""API tokens of devices: 256 random bits, shown once, kept as SHA-256; the newest two of a device are good."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.fleet.tables import tokens
from pi_auto.server.store.statements import first_row

_GOOD = 2  # the answer with the newest may have been lost on its way

_BY_HASH = "SELECT hash, device_id FROM tokens WHERE hash = ?"


def issue_token(connection: Connection, device_id: str, now: datetime) -> str:
    """A fresh token of a device; all but the one before it stop working."""
    token = secrets.token_urlsafe(32)
    before = (
        select(tokens.c.hash)
        .where(tokens.c.device_id == device_id)
        .order_by(tokens.c.issued_at.desc())
        .limit(_GOOD - 1)
    )
    kept = [row.hash for row in connection.execute(before)]
    connection.execute(
        delete(tokens).where(tokens.c.device_id == device_id, tokens.c.hash.not_in(kept)),
    )
    connection.execute(insert(tokens).values(hash=hash_secret(token), device_id=device_id, issued_at=now))
    return token


def device_of_token(connection: Connection, hashed: bytes) -> str | None:
    """The device that the token of this hash was issued to, if it is good."""
    row = first_row(connection, _BY_HASH, (hashed,))
    return str(row[1]) if row and hmac.compare_digest(row[0], hashed) else None
