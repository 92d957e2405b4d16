"""Reads the audit trail, the newest first, and prunes what is too old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select

from pi_auto.server.audit.tables import audit

MOST_IN_PAGE = 200
KEPT = timedelta(days=730)
_AT_ONCE = 5000  # rows of one transaction: devices wait for it


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: an empty text leaves all; actor and subject fit where they contain the text."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    before: int | None = None  # rows with a lower number


def read(connection: Connection, wanted: Wanted, most: int = MOST_IN_PAGE) -> Sequence[Row[Any]]:
    """The newest rows that fit."""
    query = select(audit).order_by(audit.c.number.desc()).limit(most)
    if wanted.actor:
        query = query.where(audit.c.actor.contains(wanted.actor, autoescape=True))
    if wanted.action:
        query = query.where(audit.c.action == wanted.action)
    if wanted.subject:
        query = query.where(audit.c.subject.contains(wanted.subject, autoescape=True))
    if wanted.before is not None:
        query = query.where(audit.c.number < wanted.before)
    return connection.execute(query).all()


def actions(connection: Connection) -> list[str]:
    """The words that stand under `action`."""
    return list(connection.execute(select(audit.c.action).distinct().order_by(audit.c.action)).scalars())


def newest(connection: Connection) -> int:
    """The number of the newest row; 0 if there is none."""
    return connection.execute(select(func.max(audit.c.number))).scalar() or 0


def prune(connection: Connection, now: datetime, through: int, kept: timedelta = KEPT) -> int:
    """Let go of rows up to the number `through` that are older than `kept`, some thousands at a time; how many.

    Rows beyond that number have not been there for long, whatever the clock says (housekeeping.py).
    """
    row = audit.c
    seen_last = func.coalesce(row.last_at, row.at)
    is_old = (row.number <= through) & (row.at < now - kept) & (seen_last < now - kept)
    oldest = select(row.number).where(is_old).limit(_AT_ONCE)
    return connection.execute(delete(audit).where(row.number.in_(oldest))).rowcount
