"""How far each destination has come in each spool: the agent's own database, written by the agent alone.

A mark at (spool, n) says that everything up to n is settled there: booked, or refused for
good and set aside here where a person can see it. Marks never go back by themselves; a step forward
lost to a power cut only means that records are sent again, which the server knows by their uuids. So one that
a full disk does not take is kept in memory, and holds up nobody.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from pathlib import Path

from pi_auto.client.spool.damage import is_damage
from pi_auto.client.spool.destinations import known
from pi_auto.client.spool.marks_database import open_as_it_lies, open_to_read, open_to_write
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
    sent again. Where the disk is full or the like, a step forward is remembered and written as soon as may be;
    every other method may raise sqlite3.Error, and a retry may help.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path, self._read_only = path, read_only
        self._lock = threading.RLock()
        self._unwritten: dict[tuple[str, str], int] = {}  # steps forward that the disk has not taken yet
        self._connection: sqlite3.Connection | None = open_to_read(path) if read_only else self._opened()

    @classmethod
    def reading(cls, path: Path) -> Marks:
        """The marks at `path`, to look at beside the agent that writes them. sqlite3.Error if there are none."""
        return cls(path, read_only=True)

    def through(self, destination: str, spool: str) -> int:
        """The number up to which a spool is settled at a destination; 0 if nothing is."""
        place = known(destination), spool
        with self._lock:
            if held := self._unwritten.get(place, 0):
                self.advance(destination, Position(spool, held))
            rows = self._ask("SELECT through FROM marks WHERE destination = ? AND spool = ?", place)
            return max(_number(rows), held)

    def advance(self, destination: str, position: Position) -> None:
        """Move a mark forward to a position; one that is there already, or further, stays."""
        place = known(destination), position.spool
        with self._lock:
            number = max(position.number, self._unwritten.get(place, 0))
            try:
                self._write(place, number)
            except sqlite3.Error as error:
                if self._read_only:
                    raise
                if not self._unwritten:
                    _log.warning("marks are kept in memory, since %s cannot be written: %s", self._path, error)
                self._unwritten[place] = number
            else:
                self._unwritten.pop(place, None)

    def _write(self, place: tuple[str, str], number: int) -> None:
        self._ask(
            "INSERT INTO marks(destination, spool, through) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET through = max(through, excluded.through)",
            (*place, number),
        )

    def rewind(self, destination: str, position: Position) -> None:
        """Move a mark back to a position, as a server restored from a backup asks for; never forward.

        Durable when this returns, unlike a mark that moves forward: nobody would ask a second time.
        """
        place = known(destination), position.spool
        with self._lock:
            self._ask(
                "UPDATE marks SET through = min(through, ?) WHERE destination = ? AND spool = ?",
                (position.number, *place),
                durable=True,
            )
            if place in self._unwritten:
                self._unwritten[place] = min(self._unwritten[place], position.number)

    def set_active(self, destination: str, active: bool) -> None:
        """Say whether a destination is in use. One that is not holds no record in the spool."""
        said = self._ask("SELECT active FROM destinations WHERE name = ?", (known(destination),))
        if said == [(active,)]:
            return  # a full disk keeps nobody from a hub that is in use
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
            for (destination, spool), number in list(self._unwritten.items()):
                self.advance(destination, Position(spool, number))
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
            self._connection = self._opened()
        connection = self._connection or open_as_it_lies(self._path)
        try:
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            return connection.execute(statement, values).fetchall()
        finally:
            if connection is not self._connection:
                connection.close()

    def _opened(self) -> sqlite3.Connection | None:
        """The database, to write; nothing where there is one that a full disk has no room to open for that."""
        try:
            return open_to_write(self._path)
        except sqlite3.Error:
            if not self._path.exists():
                raise
            return None

    def _let_go(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


def _number(rows: list[Any]) -> int:
    """What the row of a mark says; 0 where there is none, or where a bad disk has put what is no number."""
    return rows[0][0] if rows and isinstance(rows[0][0], int) else 0
