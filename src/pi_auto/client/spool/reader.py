"""The reading side of the spool, for the agent: it cannot write, and follows the file when it is replaced.

A position is (spool UUID, number): when the spool is replaced between two calls, the
records of the second name the new spool. Whoever keeps a mark must look at the name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from pi_auto.client.clock import ClockReading
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.retiring import MACHINE
from pi_auto.client.spool.schema import FILE_NAME, connect_to_read, is_at_rest, next_number, record_of
from pi_auto.wire.fields import UUID_FORM
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Record, Stamp

T = TypeVar("T")

_MS, _SECOND = 1_000_000, 1_000_000_000  # nanoseconds

# json_extract and json_valid: read where the rows are, since there may be many.
_BOOTS = """
SELECT boot, max(boottime), max(CASE WHEN synced THEN number END) FROM (
  SELECT number, json_extract(body, '$.stamp.boot_id') AS boot,
    json_extract(body, '$.stamp.boottime_ns') AS boottime, json_extract(body, '$.stamp.synced') AS synced
  FROM records WHERE json_valid(body)
) WHERE typeof(boot) = 'text' AND typeof(boottime) = 'integer' GROUP BY boot ORDER BY min(number)
"""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row without a record in it. It must not block those behind it: the agent sets it aside for a person."""

    position: Position
    uuid: str
    body: str
    reason: str


@dataclass(frozen=True, slots=True)
class SeenBoot:
    """A boot of which there are records: the latest CLOCK_BOOTTIME in them, their last stamp of a set clock."""

    id: str
    until_ns: int
    trusted: Stamp | None


class SpoolReader:
    """Reads the spool in `folder`; opened when first asked. For one thread at a time.

    Every method raises SpoolUnavailable while there is no readable spool, or only that of another machine than
    `machine`, which capture is about to put away; a retry helps.
    """

    def __init__(self, folder: Path, machine: str | None = None) -> None:
        self._path, self._machine = folder / FILE_NAME, machine
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, int, bool] | None = None

    def uuid(self) -> str:
        """The name of the spool that lies there now."""
        return self._ask(_uuid)

    def read(self, after: int, most: int) -> list[Record | Unreadable]:
        """At most `most` records with numbers above `after`, in order, all of the one spool they name."""
        rows = "SELECT number, uuid, kind, body FROM records WHERE number > ? ORDER BY number LIMIT ?"

        def ask(connection: sqlite3.Connection) -> list[Record | Unreadable]:
            spool = _uuid(connection)
            return [_parse(spool, *row) for row in connection.execute(rows, (after, most))]

        return self._ask(ask)

    def oldest(self) -> int:
        """The lowest number that is kept; where none is, the number that the next record gets."""

        def ask(connection: sqlite3.Connection) -> int:
            ((number,),) = connection.execute("SELECT min(number) FROM records").fetchall()
            return number or next_number(connection)

        return self._ask(ask)

    def newest(self) -> int:
        """The highest number that was ever given; 0 before the first."""
        return self._ask(lambda connection: next_number(connection) - 1)

    def oldest_age(self, after: int, clock: ClockReading) -> float | None:
        """For how many seconds the first record above `after` has been stored; None if there is none."""
        first = "SELECT number, stored_at FROM records WHERE number > ? ORDER BY number LIMIT 1"

        def ask(connection: sqlite3.Connection) -> float | None:
            row = connection.execute(first, (after,)).fetchone()
            return _age(_stamp(connection, row[0]), row[1], clock) if row else None

        return self._ask(ask)

    def boots(self) -> list[SeenBoot]:
        """The boots of which there are records, in their order."""

        def ask(connection: sqlite3.Connection) -> list[SeenBoot]:
            rows = connection.execute(_BOOTS).fetchall()
            return [SeenBoot(boot, until, _stamp(connection, number)) for boot, until, number in rows]

        return self._ask(ask)

    def close(self) -> None:
        """Let go of the file; the next question opens it again."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer out of one moment of the spool."""
        try:
            connection = self._opened()
            connection.execute("BEGIN")
            try:
                return question(connection)
            finally:
                connection.execute("COMMIT")
        except FileNotFoundError:
            self.close()
            raise SpoolUnavailable(f"{self._path} is not there: capture has not run yet") from None
        except (sqlite3.Error, OSError, TypeError, ValueError) as error:
            self.close()
            raise SpoolUnavailable(f"{self._path} cannot be read: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        status = self._path.stat()
        seen = (status.st_dev, status.st_ino, is_at_rest(self._path))
        if self._connection is None or seen != self._seen:
            self.close()
            # Told before opening: a file that comes in between is noticed at the next question.
            self._seen = seen
            self._connection = connect_to_read(self._path, at_rest=seen[2])
            self._refuse_another(self._connection)
        return self._connection

    def _refuse_another(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (MACHINE,)).fetchone()
        if self._machine and row and row[0] != self._machine:
            raise ValueError("it is of another machine, which this SD card was in before")


def _uuid(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()
    if not row or not UUID_FORM.match(row[0]):
        raise ValueError(f"it names itself {row}, and not by a UUID")
    return str(row[0])


def _stamp(connection: sqlite3.Connection, number: int | None) -> Stamp | None:
    row = connection.execute("SELECT kind, body FROM records WHERE number = ?", (number,)).fetchone()
    try:
        return record_of(*map(str, row)).stamp if row else None  # a damaged cell may be of any type
    except ValueError:
        return None


def _age(stamp: Stamp | None, stored_at: object, clock: ClockReading) -> float:
    """In seconds. The wall clock may have been stepped since: it is asked only for what is of another boot.

    What is of an earlier boot has waited for all of this one, whatever the wall clock says.
    """
    if stamp and stamp.boot_id == clock.boot_id:
        return max(0.0, (clock.boottime_ns - stamp.boottime_ns) / _SECOND)
    known = stored_at * _MS if isinstance(stored_at, int) else clock.offset_ns
    by_wall = clock.boottime_ns + clock.offset_ns - known
    return max(by_wall, clock.boottime_ns if stamp else 0) / _SECOND


def _parse(spool: str, number: int, uuid: object, kind: object, body: object) -> Record | Unreadable:
    position = Position(spool, number)
    try:
        record = record_of(str(kind), str(body))
    except ValueError as error:
        return Unreadable(position, str(uuid), str(body), str(error))
    if record.position != position or record.uuid != uuid:
        return Unreadable(position, str(uuid), str(body), "the record names another position or uuid than its row")
    return record
