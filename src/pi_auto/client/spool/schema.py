"""The spool as a file: its name, its tables, and how each side opens it.

WAL with synchronous=FULL: a commit that has returned survives SIGKILL and power loss.
SQLite before 3.51.3 can lose commits when two connections write or checkpoint at once
(sqlite.org, "WAL-reset bug"), so the writer is one connection and readers cannot write at all.
"""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

from pi_auto.wire.scan import Incident, Record, Scan

FILE_NAME = "spool.sqlite"
SCHEMA = 1
SCAN, INCIDENT = "scan", "incident"

# `next` is written when rows are pruned: numbers are never given twice, not even after the last row has gone.
TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE records(
  number INTEGER PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK(kind IN ('scan', 'incident')),
  body TEXT NOT NULL,
  stored_at INTEGER NOT NULL -- milliseconds of the wall clock, when it was scanned
);
"""
INSERT = "INSERT INTO records(number, uuid, kind, body, stored_at) VALUES (?, ?, ?, ?, ?)"

_as_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one for each record
_BUSY_SECONDS = 5.0
LOG_BYTES = 2 * 1024 * 1024  # of the log's file, which is kept and written over again and again
_CACHE_KIB = 64  # of pages; a scan needs a few
_PLAIN = frozenset(b"/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")  # in a URI, as they are


def connect_to_write(path: Path) -> sqlite3.Connection:
    """The one writing connection of an existing spool; sqlite3.Error if that cannot be."""
    connection = sqlite3.connect(f"{uri_of(path)}?mode=rw", uri=True, timeout=_BUSY_SECONDS)
    connection.isolation_level = None
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        connection.execute("PRAGMA cell_size_check=ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def is_at_rest(path: Path) -> bool:
    """Whether a database was closed in order and nobody has opened it since: its file is all there is of it."""
    return not path.with_name(f"{path.name}-wal").exists()


def uri_of(path: Path) -> str:
    """A file's URI. `Path.as_uri` would load what takes capture half a MiB (docs/decisions/0073)."""
    octets = os.fsencode(path.absolute())
    return f"file://{''.join(chr(octet) if octet in _PLAIN else f'%{octet:02X}' for octet in octets)}"


def uri_to_read(path: Path, *, at_rest: bool) -> str:
    """The URI of a database that is only read.

    One at rest is opened as it lies: what SQLite would make beside it, another user than its writer could not.
    """
    return f"{uri_of(path)}?mode=ro{'&immutable=1' if at_rest else ''}"


def connect_to_read(path: Path, *, at_rest: bool = False) -> sqlite3.Connection:
    """A connection that cannot write, for one thread at a time; text that is no UTF-8 comes with U+FFFD in it."""
    connection = sqlite3.connect(
        uri_to_read(path, at_rest=at_rest), uri=True, timeout=_BUSY_SECONDS, check_same_thread=False
    )
    connection.isolation_level = None
    connection.text_factory = lambda octets: octets.decode("utf-8", "replace")
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA cell_size_check=ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def row_of(record: Record, stored_at: int) -> tuple[int, str, str, str, int]:
    """A record as INSERT takes it."""
    kind = SCAN if isinstance(record, Scan) else INCIDENT
    return record.position.number, record.uuid, kind, _as_json(record.to_json()), stored_at


def record_of(kind: str, body: str) -> Record:
    """The record in a row. ValueError (FieldError where a field is at fault) if there is none in it."""
    try:
        value = json.loads(body)
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    return Scan.from_json(value) if kind == SCAN else Incident.from_json(value)


def next_number(connection: sqlite3.Connection) -> int:
    """The number that the next record gets."""
    ((newest, kept),) = connection.execute(
        "SELECT (SELECT max(number) FROM records), (SELECT value FROM meta WHERE key = 'next')"
    ).fetchall()
    return max((newest or 0) + 1, int(kept or 1))
