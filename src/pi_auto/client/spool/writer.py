"""The writing side of the spool, for the capture process alone: append, prune, check, replace.

When `append` has returned, its records survive SIGKILL and power loss. One thread uses a
Spool, and one process (see lock.py). A spool whose content is broken is never written to
again: it is set aside, and a new one under a new UUID takes its place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pi_auto.client.clock import Now
from pi_auto.client.spool.damage import damage_named
from pi_auto.client.spool.drafts import Draft
from pi_auto.client.spool.errors import SpoolDamaged
from pi_auto.client.spool.examining import examine, look_through, meta_of
from pi_auto.client.spool.replacing import begin_anew, set_aside
from pi_auto.client.spool.retiring import MACHINE, name_machine, retire
from pi_auto.client.spool.schema import (
    FILE_NAME,
    INSERT,
    LOG_BYTES,
    connect_to_read,
    connect_to_write,
    next_number,
    record_of,
    row_of,
)
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Record

_PRUNE_ROWS = 1000  # in one transaction, so that no scan waits long for it
_VACUUM_PAGES = 2000
_INSERT_NEW = f"{INSERT} ON CONFLICT(uuid) DO NOTHING"
_KEEP_NEXT = "INSERT OR REPLACE INTO meta(key, value) VALUES ('next', ?)"
_AGES = """
SELECT number, stored_at, CASE WHEN json_valid(body) THEN json_extract(body, '$.stamp.boot_id') END,
  CASE WHEN json_valid(body) THEN json_extract(body, '$.stamp.boottime_ns') END
FROM records WHERE number <= ? ORDER BY number LIMIT ?
"""
_FILL = "INSERT INTO records(number, uuid, kind, body, stored_at) VALUES (?, '', 'scan', '', zeroblob(?))"


def _nothing_acknowledged(_spool: str) -> int:
    return 0


class Spool:
    """An open spool. `uuid` names it; positions are (uuid, number)."""

    def __init__(self, connection: sqlite3.Connection, path: Path, uuid: str, now: Now) -> None:
        self.uuid = uuid
        self._connection = connection
        self._path, self._file = path, _file_at(path)
        self._now = now
        self._next = next_number(connection)

    @classmethod
    def open(
        cls,
        folder: Path,
        now: Now,
        acknowledged: Callable[[str], int] = _nothing_acknowledged,
        machine: str | None = None,
        *,
        is_examined: bool = False,
    ) -> Spool:
        """The spool in `folder`, begun if there is none, replaced if it is broken.

        `acknowledged` tells the highest number of a spool that any destination has settled. One that was begun on
        another `machine`, by its serial, is put away: it is no more this device's. `is_examined`: `examine` has
        found nothing just now, and is not asked again.

        Raises SpoolRefused if a newer program made it; sqlite3.Error or OSError if a retry may help.
        """
        path = folder / FILE_NAME
        if path.exists() and not is_examined:
            _set_aside_if_broken(folder, acknowledged)
        if machine and path.exists():
            _retire_if_of_another(folder, machine)
        if not path.exists():
            begin_anew(folder, now, machine)
        connection = connect_to_write(path)
        try:
            uuid = meta_of(connection)["uuid"]
            if machine:
                name_machine(connection, folder, uuid, machine)
            return cls(connection, path, uuid, now)
        except (sqlite3.Error, OSError):
            connection.close()
            raise

    @property
    def newest(self) -> Position:
        """Where the record lies that was stored last; at number 0 before the first."""
        return Position(self.uuid, self._next - 1)

    def append(self, drafts: Iterable[Draft]) -> list[Record]:
        """Store drafts durably, in one commit, and return the records they have become.

        A draft that is stored already, because an earlier try failed only after its commit, is not
        stored twice. Raises SpoolDamaged, or sqlite3.Error or OSError where a retry with a new Spool may help.
        """
        drafts = list(drafts)
        records: list[Record] = []
        number = self._next
        # A statement alone is a transaction already, and sooner done than one with BEGIN and COMMIT around it.
        with self._transaction() if len(drafts) > 1 else damage_named():
            for draft in drafts:
                record = draft.at(Position(self.uuid, number))
                # The clock is not asked again: to ask it costs as much as to write the record.
                stored_at = int(draft.stamp.wall_time.timestamp() * 1000)
                if self._connection.execute(_INSERT_NEW, row_of(record, stored_at)).rowcount:
                    number += 1
                else:
                    record = self._find(draft.uuid)
                records.append(record)
        self._check_place()
        self._next = number
        return records

    def prune(self, settled: int, *, stored_before: float) -> int:
        """Delete the oldest records while they are settled (number up to `settled`) and old; say how many went.

        `stored_before` is in seconds of the wall clock. At most 1000 go in a call. Only the
        oldest end is cut, so that the numbers kept have no gap.
        """
        with self._transaction():
            last = self._last_old(settled, stored_before)
            gone = self._connection.execute("DELETE FROM records WHERE number <= ?", (last,)).rowcount
            if gone:
                self._connection.execute(_KEEP_NEXT, (str(self._next),))
        return gone

    def _last_old(self, settled: int, stored_before: float) -> int:
        """Up to which number all are settled and old; 0 if none are.

        Those of this boot are as old as CLOCK_BOOTTIME says: their stamps may be of a clock that was days behind.
        """
        last, here = 0, self._now()
        now = here.wall_time.timestamp() * 1000
        for number, stored_at, boot, boottime in self._connection.execute(_AGES, (settled, _PRUNE_ROWS)):
            if boot == here.boot_id and isinstance(boottime, int):
                stored_at = now - (here.boottime_ns - boottime) / 1_000_000  # noqa: PLW2901 - known better
            # What a damaged disk has left of it may be of any type: what is settled need not be kept for that.
            if isinstance(stored_at, int | float) and stored_at >= stored_before * 1000:
                break
            last = number
        return last

    def make_room(self) -> None:
        """Give the log its full length, so that no commit has to wait until its file has grown.

        What is more than the cache holds SQLite writes to the log at once; rolled back, only the room remains.
        sqlite3.Error where the disk has none.
        """
        with damage_named():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute(_FILL, (self._next, LOG_BYTES))
            finally:
                with suppress(sqlite3.Error):  # SQLite has rolled back by itself after some errors
                    self._connection.execute("ROLLBACK")
        with self._transaction():  # makes the length durable
            self._connection.execute(_KEEP_NEXT, (str(self._next),))

    def move_log(self) -> None:
        """Move what stands in the log into the spool, as far as no reader needs it; then the log begins anew."""
        with damage_named():
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # waits for no reader

    def give_back_room(self) -> None:
        """Return pages that pruning has freed to the disk, so many that no scan waits long for it."""
        with damage_named():
            # A script, since execute() stops after the first of the rows (one a page) that this gives.
            self._connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
        self.move_log()

    def check(self, give_up: Callable[[], bool]) -> None:
        """Look through the whole file until `give_up` says so; SpoolDamaged if something is wrong with it."""
        look_through(self._connection, give_up)

    def close(self) -> None:
        """Close it; what was appended is durable whether or not this is reached."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def _check_place(self) -> None:
        """Raise OSError where the file was deleted or replaced: SQLite writes to it still, and nobody reads it."""
        if _file_at(self._path) != self._file:
            raise OSError(f"{self._path} was replaced while it was open")

    def _find(self, uuid: str) -> Record:
        """The record of that uuid, which is stored."""
        row = self._connection.execute("SELECT kind, body FROM records WHERE uuid = ?", (uuid,)).fetchone()
        try:
            return record_of(*row)
        except ValueError as error:
            raise SpoolDamaged(f"record {uuid} is stored, but cannot be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with damage_named():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has rolled back by itself after some errors
                    self._connection.execute("ROLLBACK")
                raise


def _file_at(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _set_aside_if_broken(folder: Path, acknowledged: Callable[[str], int]) -> None:
    """Broken is, too, what knows fewer numbers than were acknowledged: it has lost its end.

    A card that lies about fsync does that. Used on, such a spool would give a number twice, and the second scan
    would be taken for delivered.
    """
    try:
        examine(folder / FILE_NAME, acknowledged)
    except SpoolDamaged as damage:
        set_aside(folder, str(damage))


def _retire_if_of_another(folder: Path, machine: str) -> None:
    with damage_named():
        with closing(connect_to_read(folder / FILE_NAME)) as connection:
            meta = meta_of(connection)
        if meta.get(MACHINE, machine) != machine:
            retire(folder, meta["uuid"])
