"""The hub's SQLite file: who its devices are and what their twins hold.

One connection on one thread. Jobs that arrive while a transaction is being committed share
the next one, and each is answered only after its COMMIT is on disk (WAL, synchronous=FULL).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from pi_auto.hub.errors import OperatorError
from pi_auto.hub.groups import Groups

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
logger = logging.getLogger("pi_auto.hub")

MOST_WAITING = 4096  # jobs; more is answered as IoT Hub answers too many: 429
_REST = 0.05  # seconds between transactions of patient jobs
# What takes a database from each version to the next; only ever appended to.
_MIGRATIONS = (
    """
CREATE TABLE devices (
    device_id TEXT PRIMARY KEY,
    primary_key TEXT NOT NULL,
    secondary_key TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE twins (
    device_id TEXT PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    desired TEXT NOT NULL DEFAULT '{}',
    desired_version INTEGER NOT NULL DEFAULT 1,
    reported TEXT NOT NULL DEFAULT '{}',
    reported_version INTEGER NOT NULL DEFAULT 1
) STRICT;
""",
    """
ALTER TABLE devices ADD COLUMN generation_id TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN etag TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN status_reason TEXT;
ALTER TABLE devices ADD COLUMN status_updated_at TEXT NOT NULL DEFAULT '0001-01-01T00:00:00Z';
UPDATE devices SET generation_id = lower(hex(randomblob(8))), etag = lower(hex(randomblob(8)));
ALTER TABLE twins ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE twins ADD COLUMN desired_metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE twins ADD COLUMN reported_metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE twins ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE twins ADD COLUMN etag INTEGER NOT NULL DEFAULT 1;
CREATE TABLE policies (
    name TEXT PRIMARY KEY,
    primary_key TEXT NOT NULL,
    secondary_key TEXT NOT NULL
) WITHOUT ROWID, STRICT;
""",
    """
CREATE TABLE sessions (
    device_id TEXT PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    subscriptions TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    device_id TEXT NOT NULL REFERENCES devices ON DELETE CASCADE,
    packet_id INTEGER NOT NULL,
    bag TEXT NOT NULL,
    body BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    sent INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_of_device ON messages (device_id, number);
""",
    """
CREATE TABLE presences (
    device_id TEXT PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    changed_at INTEGER NOT NULL,
    active_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
""",
)


class BusyError(Exception):
    """So many jobs wait for the disk that no more are taken."""


class _Waiting(NamedTuple):
    job: Job[Any]
    answer: asyncio.Future[Any]


class Database:
    """The open database. A job that refuses has changed nothing; a sqlite3.Error undoes the whole group."""

    def __init__(self, path: Path) -> None:
        self._connection = _opened(path)
        self._thread = ThreadPoolExecutor(1, "database")
        self._groups = Groups(self._run, _REST)

    def submit(self, job: Job[T], *, patient: bool = False) -> asyncio.Future[T]:
        """Run a job in the next transaction. Raises BusyError; the answer may be a sqlite3.Error.

        A patient job may wait a moment for others to share its transaction, if one has just ended.
        """
        if len(self._groups) >= MOST_WAITING:
            raise BusyError(f"{MOST_WAITING} jobs wait for the database")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._groups.add(_Waiting(job, answer))
        if not patient:
            self._groups.hurry()
        return cast("asyncio.Future[T]", answer)

    async def drained(self) -> None:
        """Wait until all submitted jobs are answered."""
        await self._groups.drained()

    async def close(self) -> None:
        """Take no more jobs and let go of the file."""
        await self._groups.stop()
        self._thread.shutdown()
        self._connection.close()

    async def _run(self, group: list[_Waiting]) -> None:
        jobs = [waiting.job for waiting in group]
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._thread, _commit, self._connection, jobs)
        except sqlite3.Error as error:
            logger.error("%d jobs of the database failed: %s", len(jobs), error)  # noqa: TRY400
            answers = [error] * len(group)
        for waiting, answer in zip(group, answers, strict=True):
            _settle(waiting.answer, answer)


def _settle(future: asyncio.Future[Any], answer: object) -> None:
    if future.cancelled():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _commit(connection: sqlite3.Connection, jobs: list[Job[Any]]) -> list[Any]:
    """The answers of all jobs, once they are committed together. An answer may be an exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        answers = [_answer(job, connection) for job in jobs]
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return answers


def _answer(job: Job[Any], connection: sqlite3.Connection) -> Any:
    try:
        return job(connection)
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - one job's refusal is its own answer, not its neighbours'
        return error


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise OperatorError(f"{path} cannot be used as the hub's database: {error}") from error
    except OperatorError:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise OperatorError(f"{path} is of version {version}; this hub knows versions up to {len(_MIGRATIONS)}")
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
