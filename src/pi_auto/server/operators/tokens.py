"""API tokens of operators: shown once, kept as SHA-256, each with a name, scopes and maybe an end."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.operators.rules import (
    MOST_TOKENS,
    NAME_ALLOWED,
    TOKEN,
    TOKEN_NAME,
    Operator,
    Scope,
    scopes_of,
    written,
)
from pi_auto.server.operators.tables import operator_tokens
from pi_auto.wire.errors import FieldError, shown


def create_token(
    connection: Connection, name: str, scopes: frozenset[Scope], expires_at: datetime | None, now: datetime
) -> str:
    """A new token. Raises FieldError where the name will not do, or is taken, by a revoked token too."""
    if not TOKEN_NAME.match(name):
        raise FieldError("name", shown(name), NAME_ALLOWED)
    table = operator_tokens
    if connection.execute(select(table.c.name).where(table.c.name == name)).first():
        raise FieldError("name", shown(name), "a name that no token has or had, so that the audit trail is clear")
    if (connection.execute(select(func.count()).select_from(table)).scalar() or 0) >= MOST_TOKENS:
        raise FieldError("tokens", str(MOST_TOKENS), f"at most {MOST_TOKENS}")
    text = f"operator_{secrets.token_urlsafe(32)}"
    row = {"name": name, "hash": hash_secret(text), "scopes": written(scopes)}
    connection.execute(insert(table).values(row | {"made_at": now, "expires_at": expires_at}))
    return text


def revoke_token(connection: Connection, name: str, now: datetime) -> bool:
    """Let a token be good for nothing; whether it was good for something until now."""
    table = operator_tokens
    good = (table.c.name == name) & table.c.revoked_at.is_(None)
    return bool(connection.execute(update(table).where(good).values(revoked_at=now)).rowcount)


def all_tokens(connection: Connection) -> Sequence[Row[Any]]:
    """Every token that ever was, by name."""
    return connection.execute(select(operator_tokens).order_by(operator_tokens.c.name)).all()


def operator_of_token(connection: Connection, text: str, now: datetime) -> Operator | None:
    """Whose token it is, if it is good. It is found by its hash, so no comparison tells how near a guess was."""
    if not TOKEN.match(text):
        return None
    table = operator_tokens
    row = connection.execute(select(table).where(table.c.hash == hash_secret(text))).first()
    if row is None or row.revoked_at or (row.expires_at and row.expires_at <= now):
        return None
    return Operator(row.name, scopes_of(row.scopes.split()))
