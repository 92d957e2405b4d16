"""How far a source of events is in the books; moved in the transaction that books them, so it is never wrong."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from pi_auto.server.links.tables import cursors


def read_cursor(connection: Connection, source: str) -> int:
    """The sequence number of the last event booked; 0 before the first."""
    query = select(cursors.c.through).where(cursors.c.source == source)
    return connection.execute(query).scalar() or 0


def move_cursor(connection: Connection, source: str, through: int) -> None:
    """Everything up to `through` is booked."""
    moved = connection.execute(update(cursors).where(cursors.c.source == source).values(through=through))
    if moved.rowcount == 0:
        connection.execute(insert(cursors).values(source=source, through=through))
