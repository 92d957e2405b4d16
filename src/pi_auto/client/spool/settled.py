"""What the marks say, for those who only read them beside the agent: how far a spool is settled.

SQLite takes any value in any column, and so may a bad disk or an agent that is no longer ours have put one there:
what is no number says nothing, and ends nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pi_auto.client.spool.destinations import DESTINATIONS, known
from pi_auto.client.spool.marks_database import open_to_read


def settled_everywhere(path: Path, spool: str) -> int | None:
    """The number up to which every active destination has settled a spool; None if that is not known.

    For the capture process, which must prune nothing while it is not known. Reads only.
    """
    question = (
        "SELECT count(*), sum(active), min(CASE WHEN active THEN coalesce(through, 0) END) FROM destinations "
        "LEFT JOIN marks ON destination = name AND spool = ?"
    )
    with _reading(path) as connection:
        if connection is None:
            return None
        try:
            ((known, active, lowest),) = connection.execute(question, (spool,)).fetchall()
        except sqlite3.Error:
            return None
    return lowest if known == len(DESTINATIONS) and active and isinstance(lowest, int) else None


def settled_at(path: Path, destination: str, spool: str) -> int:
    """The number up to which a spool is settled at a destination; 0 if none is known. Reads only."""
    question = "SELECT through FROM marks WHERE destination = ? AND spool = ?"
    return _number(path, question, (known(destination), spool))


def acknowledged(path: Path, spool: str) -> int:
    """The highest number of a spool that any destination has settled; 0 if none is known. Reads only."""
    return _number(path, "SELECT max(through) FROM marks WHERE spool = ?", (spool,))


def _number(path: Path, question: str, values: tuple[str, ...]) -> int:
    with _reading(path) as connection:
        if connection is None:
            return 0
        try:
            row = connection.execute(question, values).fetchone()
        except sqlite3.Error:
            return 0
    return row[0] if row and isinstance(row[0], int) else 0


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    try:
        connection = open_to_read(path)
    except sqlite3.Error:
        yield None
        return
    with closing(connection):
        yield connection
