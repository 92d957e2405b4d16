"""The books on disk: one SQLite file, one connection that writes, a pool that only reads.

WAL and synchronous=FULL: what was committed outlives a power cut, and devices delete their
copies on our word. One connection alone writes and checkpoints (SQLite up to 3.51.2 has a
WAL-reset fault with two), so a lock on the data folder keeps a second server out.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool, StaticPool

from pi_auto.server.fleet.presence_in_sql import teach
from pi_auto.server.store.migrate import NewerBooks, migrate

BOOKS = "books.sqlite"
RESTORING = "restoring"  # lies in a data folder into which a backup has not been put whole
_READERS = 16  # short reads share them; a live page holds none between two looks
_WAIT_READER = 10.0  # seconds
_PATIENCE = 3.0  # seconds
_BOOKS_JSON = json.JSONDecoder(parse_constant=lambda _: None)
_BUSY = 10_000  # milliseconds; only a person with a database shell can hold the books' lock


class StoreError(Exception):
    """The data folder cannot be used; the sentence says which, why, and what to do about it."""


class Store:
    """The open books. `engine` only reads; the one connection that writes is the Writer's."""

    def __init__(self, data: Path, lock: int) -> None:
        self.data = data
        self.path = data / BOOKS
        self._lock = lock
        self._file = _file_at(self.path)
        self._writing = _engine(self.path, _writing_connection, "BEGIN IMMEDIATE", StaticPool)
        self.engine = _engine(self.path, _reading_connection, "BEGIN", QueuePool)
        event.listen(self._writing, "commit", lambda _: self.check_place())

    def check_place(self) -> None:
        """Raise StoreError when the file that was opened is not the one at its path any more.

        SQLite goes on writing to books that were deleted or replaced under it: devices would be
        told that their scans are safe, and forget them.
        """
        try:
            found = _file_at(self.path)
        except OSError as error:
            raise StoreError(f"{self.path} has gone: {error.strerror}; stop the server and restore it") from error
        if found != self._file:
            raise StoreError(f"{self.path} was replaced while the server ran; start the server again")

    def writing(self) -> Connection:
        """The connection that writes. There is one: never ask for it while another thread uses it."""
        return self._writing.connect()

    def close(self) -> None:
        """Let go of file and folder. Readers first: the last to leave checkpoints, and that is the writer."""
        self.engine.dispose()
        self._writing.dispose()
        os.close(self._lock)


def open_store(data: Path, *, patience: float = _PATIENCE) -> Store:
    """Open the books in a data folder, made and migrated as needed, or raise StoreError.

    A server that was told to stop may need a moment: its folder is waited for so many seconds.
    """
    lock = lock_folder(data, patience)
    if (data / RESTORING).exists():
        os.close(lock)
        raise StoreError(f"a backup was not restored whole into {data}; run `pi-auto-server restore` again")
    try:
        _make_books(data / BOOKS)
        store = Store(data, lock)
    except OSError as error:
        os.close(lock)
        raise StoreError(f"{data / BOOKS} cannot be opened: {error.strerror}") from error
    except BaseException:
        os.close(lock)
        raise
    try:
        with store.writing() as connection:
            migrate(connection)
    except (DatabaseError, sqlite3.DatabaseError, NewerBooks) as error:
        store.close()
        raise unusable(store.path, error) from error
    except BaseException:
        store.close()
        raise
    return store


def unusable(path: Path, error: Exception) -> StoreError:
    """What an operator is told of books that cannot be opened or read."""
    return StoreError(_sentence(path, error))


def lock_folder(data: Path, patience: float) -> int:
    """Make the folder, for its owner alone, and take its lock; the descriptor holds it. Raises StoreError.

    One that is there already keeps its mode: it may be somebody's home, or /srv.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"the data folder {data} cannot be used: {error.strerror}") from error
    deadline = time.monotonic() + patience
    while not _taken(lock):
        if time.monotonic() >= deadline:
            os.close(lock)
            raise StoreError(
                f"the data folder {data} is in use by another server: one process alone may hold it; "
                "stop that one, or name another folder"
            )
        time.sleep(0.05)
    return lock


def _make_books(path: Path) -> None:
    """Make the file for its owner alone before SQLite does, which gives WAL and index the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _file_at(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sentence(path: Path, error: Exception) -> str:
    if isinstance(error, NewerBooks):
        return f"{path} was written by a newer version of this server (schema {error}); install that version"
    reason = str(getattr(error, "orig", None) or error)
    if "not a database" in reason or "malformed" in reason:
        return f"{path} is damaged ({reason}); restore it from a backup, or move it away to begin with empty books"
    return f"{path} cannot be opened: {reason}"


def _engine(
    path: Path, connect: Callable[[Path], sqlite3.Connection], begin: str, pool: type[QueuePool | StaticPool]
) -> Engine:
    limits = {"pool_size": _READERS, "max_overflow": 0, "pool_timeout": _WAIT_READER} if pool is QueuePool else {}
    engine = create_engine(
        "sqlite://", creator=lambda: connect(path), poolclass=pool, json_deserializer=_from_json, **limits
    )

    # The driver's own notion of when a transaction begins leaves DDL and SELECT outside of it.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _from_json(text: str) -> Any:
    """A column's JSON. What is no number in it, such as a twin's NaN, becomes null: no answer could hold it."""
    return _BOOKS_JSON.decode(text)


def _writing_connection(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864"):
            connection.execute(f"PRAGMA {pragma}").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _reading_connection(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    connection.execute("PRAGMA query_only=ON").close()
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    there = f"file:{quote(str(path))}?mode=rw"  # never made anew: books that have gone are not to come back empty
    connection = sqlite3.connect(
        there, uri=True, timeout=_BUSY / 1000, isolation_level=None, check_same_thread=False
    )
    teach(connection)
    return connection
