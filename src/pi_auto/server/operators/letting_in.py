"""Links, sessions and tokens of operators in the books. Each function is part of its caller's transaction."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.operators.rules import (
    AHEAD,
    EVERYTHING,
    LINK,
    LINK_LASTS,
    MOST_SESSIONS,
    SESSION,
    SESSION_LASTS,
    Operator,
    scopes_of,
    written,
)
from pi_auto.server.operators.tables import operator_links, operator_sessions

ADMIN = "admin"


def link_file(data: Path) -> Path:
    """Where the first link lies until somebody signs in."""
    return data / "trust" / "admin-link"


def make_link(connection: Connection, now: datetime) -> str:
    """A one-time link's secret; any made before and not used is void from now on."""
    text = f"link_{secrets.token_urlsafe(32)}"
    connection.execute(delete(operator_links))
    row = {"hash": hash_secret(text), "made_at": now, "expires_at": now + LINK_LASTS}
    connection.execute(insert(operator_links).values(row))
    return text


def has_been_let_in(connection: Connection) -> bool:
    """Whether a link was ever made here."""
    return bool(connection.execute(select(func.count()).select_from(operator_links)).scalar())


def use_link(connection: Connection, text: str, now: datetime) -> str | None:
    """A session's secret for a link that is good; it is used up with that."""
    if not LINK.match(text):
        return None
    links = operator_links.c
    good = (links.hash == hash_secret(text)) & links.used_at.is_(None) & (links.expires_at > now)
    good &= links.made_at <= now + AHEAD
    if not connection.execute(update(operator_links).where(good).values(used_at=now)).rowcount:
        return None
    return _begin(connection, Operator(ADMIN, EVERYTHING), now)


def operator_of_session(connection: Connection, text: str, now: datetime) -> Operator | None:
    """Whose session it is, if it is good."""
    if not SESSION.match(text):
        return None
    sessions = operator_sessions.c
    good = (sessions.hash == hash_secret(text)) & (sessions.expires_at > now)
    good &= sessions.begun_at <= now + AHEAD
    row = connection.execute(select(sessions.name, sessions.scopes).where(good)).first()
    return Operator(row.name, scopes_of(row.scopes.split())) if row else None


def end_session(connection: Connection, text: str) -> None:
    """Let the session be good for nothing."""
    connection.execute(delete(operator_sessions).where(operator_sessions.c.hash == hash_secret(text)))


def _begin(connection: Connection, operator: Operator, now: datetime) -> str:
    text = f"session_{secrets.token_urlsafe(32)}"
    connection.execute(delete(operator_sessions).where(operator_sessions.c.expires_at <= now))
    _drop_oldest(connection, operator_sessions, MOST_SESSIONS - 1)
    row = {"name": operator.name, "scopes": written(operator.scopes), "begun_at": now}
    row |= {"hash": hash_secret(text), "expires_at": now + SESSION_LASTS}
    connection.execute(insert(operator_sessions).values(row))
    return text


def _drop_oldest(connection: Connection, table: Table, most: int) -> None:
    if (connection.execute(select(func.count()).select_from(table)).scalar() or 0) <= most:
        return
    kept = select(table.c.hash).order_by(table.c.begun_at.desc()).limit(most)
    connection.execute(delete(table).where(table.c.hash.not_in(kept)))
