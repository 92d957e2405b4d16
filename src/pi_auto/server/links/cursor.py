"""How far a source of events is in the books; moved in the transaction that books them, so it is never wrong."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from pi_auto.server.links.tables import cursors


class Cursor(NamedTuple):
    """The sequence number of the last event booked, 0 before the first, and what that event was, where known.

    A hub that is restored from a backup gives the numbers behind it a second time. So the last
    event is read again, and where it is another one, so is the log.
    """

    through: int = 0
    last: str | None = None


def read_cursor(connection: Connection, source: str) -> Cursor:
    """How far the source is booked."""
    query = select(cursors.c.through, cursors.c.last).where(cursors.c.source == source)
    row = connection.execute(query).first()
    return Cursor(row.through, row.last) if row else Cursor()


def move_cursor(connection: Connection, source: str, to: Cursor) -> None:
    """Everything up to `to` is booked."""
    values = to._asdict()
    moved = connection.execute(update(cursors).where(cursors.c.source == source).values(values))
    if moved.rowcount == 0:
        connection.execute(insert(cursors).values(source=source, **values))
