"""Reads and adds to the audit. What was noted is on the disk when `note` returns: then the device may be asked.

In a data folder it is a SQLite file of its own, without WAL, so that the server and any number of
commands may write it beside each other.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Row, create_engine, event, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from pi_auto.server.calls.tables import ASKED, ENDED, GUARDS, LAST_GUARD, LONGEST_SAID, entries, metadata
from pi_auto.server.errors import AuditError
from pi_auto.server.store.text import storable
from pi_auto.wire.escape import printable

AUDIT = "audit.sqlite"
_BUSY = 10.0  # seconds that another writer is waited for
_LONGEST_WHO = 128
_HAS_GUARD = text("SELECT 1 FROM sqlite_master WHERE name = :name")


@dataclass(frozen=True, slots=True)
class Call:
    """Something that a device is had to do: `payload` is what it is handed."""

    call: str
    who: str
    action: str
    device_id: str
    payload: Any = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of a call: a word, the device's own status where it answered, and a sentence."""

    outcome: str
    status: int | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A call with what came of it; `ending` is None where nobody has noted that: it may be under way."""

    call: Call
    at: datetime
    ending: Ending | None = None
    ended_at: datetime | None = None


class Trail:
    """One audit, wherever its table lies."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, data: Path) -> Self:
        """The audit of a data folder, begun if there is none. Raises AuditError."""
        path = data / AUDIT
        try:
            _make_file(path)
        except OSError as error:
            raise AuditError(f"the audit {path} cannot be opened: {error.strerror}") from error
        trail = cls(_sqlite(path))
        with _told(path):
            trail._begin()
        return trail

    def note(self, call: Call, at: datetime) -> None:
        """A device is about to be asked. On the disk when this returns. Raises AuditError."""
        self._add(call, at, kind=ASKED)

    def note_ending(self, call: Call, ending: Ending, at: datetime) -> None:
        """What came of it. Raises AuditError."""
        said = storable(ending.said)[:LONGEST_SAID]
        self._add(call, at, kind=ENDED, outcome=ending.outcome, status=ending.status, said=said)

    def read(self, *, device_id: str | None = None, since: datetime | None = None) -> list[Entry]:
        """Calls in the order they were made, of one device or of all. Raises AuditError."""
        query = select(entries).order_by(entries.c.id)
        if device_id is not None:
            query = query.where(entries.c.device_id == device_id)
        if since is not None:
            query = query.where(entries.c.at >= since)
        return joined(self._rows(query))

    def find(self, call: str) -> Entry | None:
        """The call of this id. Raises AuditError."""
        return next(iter(joined(self._rows(select(entries).where(entries.c.call == call)))), None)

    def _begin(self) -> None:
        """Make the table where it is missing, and what guards it."""
        with self._reading() as connection:
            if connection.execute(_HAS_GUARD, {"name": LAST_GUARD}).first():
                return
        with self._engine.begin() as connection:
            metadata.create_all(connection)
            for guard in GUARDS:
                connection.exec_driver_sql(guard)

    def _reading(self) -> Connection:
        """A connection that only reads, and so waits for no other that does."""
        return self._engine.connect().execution_options(reads=True)

    def _add(self, call: Call, at: datetime, **more: Any) -> None:
        row = {
            "call": call.call,
            "who": storable(call.who)[:_LONGEST_WHO],
            "action": call.action,
            "device_id": storable(call.device_id),
            "payload": call.payload,
            "at": at,
        }
        with _told(self._engine.url), self._engine.begin() as connection:
            connection.execute(insert(entries).values(row | more))

    def _rows(self, query: Any) -> Sequence[Row[Any]]:
        with _told(self._engine.url), self._reading() as connection:
            return connection.execute(query).all()


def joined(rows: Iterable[Any]) -> list[Entry]:
    """Rows of the table as calls; a later ending of a call counts, one without its beginning is left out. Pure."""
    found: dict[str, Entry] = {}
    for row in rows:
        if row.kind == ASKED:
            call = Call(row.call, row.who, row.action, row.device_id, row.payload)
            found[row.call] = Entry(call, row.at)
        elif row.call in found:
            begun = found[row.call]
            ending = Ending(row.outcome, row.status, row.said or "")
            found[row.call] = Entry(begun.call, begun.at, ending, row.at)
    return list(found.values())


def _make_file(path: Path) -> None:
    """Make it for the folder's owner alone, also where root does so: the server has to read it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    finally:
        os.close(descriptor)


def _sqlite(path: Path) -> Engine:
    """Each use has a connection of its own. DELETE journal: several processes write, and that is rare."""

    def connect() -> sqlite3.Connection:
        there = f"file:{quote(str(path))}?mode=rw"
        connection = sqlite3.connect(there, uri=True, timeout=_BUSY, isolation_level=None)
        for pragma in ("journal_mode=DELETE", "synchronous=EXTRA"):
            connection.execute(f"PRAGMA {pragma}").close()
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def _immediately(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def _told(place: object) -> Iterator[None]:
    """Whatever the database says as an AuditError."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        raise AuditError(f"the audit {place} cannot be used: {printable(str(cause))}") from error
