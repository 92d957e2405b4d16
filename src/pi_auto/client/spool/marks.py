"""How far each destination has come in each spool: the agent's own database, written by the agent alone.

A mark at (spool, n) says that everything up to n is settled there: booked, or refused for
good and set aside here where a person can see it. Marks never go back by themselves; a step forward
lost to a power cut only means that records are sent again, which the server knows by their uuids.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from pathlib import Path

from pi_auto.client.spool.damage import is_damage
from pi_auto.client.spool.destinations import known
from pi_auto.client.spool.marks_database import open_to_read, open_to_write
from pi_auto.frozen import frozen
from pi_auto.typed import Any
from pi_auto.wire.ids import Position

_log = logging.getLogger("pi_auto.marks")


@frozen
class Aside:
    """A record that a destination will never take, kept for a person; `at` is in seconds of the wall clock."""

    destination: str
    position: Position
    uuid: str
    body: str
    reason: str
    at: float


class Marks:
    """The marks in the database at `path`. Safe to call from several threads.

    A database that is broken, now or later, is renamed (kept) and begun anew: everything still in the spool is
    sent again. Every method may raise sqlite3.Error where the disk is full or the like; a retry may help.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path, self._read_only = path, read_only
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = open_to_read(path) if read_only else open_to_write(path)

    @classmethod
    def reading(cls, path: Path) -> Marks:
        """The marks at `path`, to look at beside the agent that writes them. sqlite3.Error if there are none."""
        return cls(path, read_only=True)

    def through(self, destination: str, spool: str) -> int:
        """The number up to which a spool is settled at a destination; 0 if nothing is."""
        found = "SELECT through FROM marks WHERE destination = ? AND spool = ?"
        rows = self._ask(found, (known(destination), spool))
        return rows[0][0] if rows and isinstance(rows[0][0], int) else 0

    def advance(self, destination: str, position: Position) -> None:
        """Move a mark forward to a position; one that is there already, or further, stays."""
        self._ask(
            "INSERT INTO marks(destination, spool, through) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET through = max(through, excluded.through)",
            (known(destination), position.spool, position.number),
        )

    def rewind(self, destination: str, position: Position) -> None:
        """Move a mark back to a position, as a server restored from a backup asks for; never forward.

        Durable when this returns, unlike a mark that moves forward: nobody would ask a second time.
        """
        self._ask(
            "UPDATE marks SET through = min(through, ?) WHERE destination = ? AND spool = ?",
            (position.number, known(destination), position.spool),
            durable=True,
        )

    def set_active(self, destination: str, active: bool) -> None:
        """Say whether a destination is in use. One that is not holds no record in the spool."""
        self._ask("INSERT OR REPLACE INTO destinations(name, active) VALUES (?, ?)", (known(destination), active))

    def in_use(self, destination: str) -> bool:
        """Whether a destination is to get records; one that nothing is known of yet is."""
        rows = self._ask("SELECT active FROM destinations WHERE name = ?", (known(destination),))
        return bool(rows[0][0]) if rows else True

    def set_aside(self, destination: str, position: Position, uuid: str, body: str, reason: str) -> None:
        """Keep a record that a destination refused, or that could not be read; once for a position.

        Durable when this returns, unlike a mark that moves forward: the spool may prune the record afterwards.
        """
        row = (known(destination), position.spool, position.number, uuid, body, reason, time.time())
        self._ask("INSERT OR IGNORE INTO aside VALUES (?, ?, ?, ?, ?, ?, ?)", row, durable=True)

    def aside(self, most: int = -1) -> list[Aside]:
        """What was set aside, oldest first; of more than `most` records the newest."""
        columns = "destination, spool, number, uuid, body, reason, at"
        newest = f"SELECT {columns} FROM aside ORDER BY at DESC, number DESC LIMIT ?"  # noqa: S608 - names above
        found = reversed(self._ask(newest, (most,)))
        return [Aside(name, Position(spool, number), *rest) for name, spool, number, *rest in found]

    def aside_count(self) -> int:
        """How many records were set aside."""
        return int(self._ask("SELECT count(*) FROM aside", ())[0][0])

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._let_go()

    def _ask(self, statement: str, values: tuple[object, ...], *, durable: bool = False) -> list[Any]:
        """Run a statement; its rows."""
        with self._lock:
            try:
                return self._execute(statement, values, durable)
            except sqlite3.DatabaseError as error:
                if self._read_only or not is_damage(error):
                    raise
                _log.error(
                    "the marks in %s are broken, everything in the spool is sent again: %s", self._path, error
                )
                self._let_go()
                return self._execute(statement, values, durable)

    def _execute(self, statement: str, values: tuple[object, ...], durable: bool) -> list[Any]:
        if self._connection is None:
            self._connection = open_to_write(self._path)
        self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        return self._connection.execute(statement, values).fetchall()

    def _let_go(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None
