"""The database that marks are kept in: opened to write or to read, begun anew where it is broken."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from pi_auto.client.spool.damage import is_damage
from pi_auto.client.spool.schema import is_at_rest, uri_to_read

_TABLES = """
CREATE TABLE IF NOT EXISTS marks(
  destination TEXT NOT NULL, spool TEXT NOT NULL, through INTEGER NOT NULL, PRIMARY KEY(destination, spool)
);
CREATE TABLE IF NOT EXISTS destinations(name TEXT PRIMARY KEY, active INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS aside(
  destination TEXT NOT NULL, spool TEXT NOT NULL, number INTEGER NOT NULL,
  uuid TEXT NOT NULL, body TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY(destination, spool, number)
);
INSERT OR IGNORE INTO destinations(name, active) VALUES ('api', 1); -- never off; of the hub the server decides
"""
_NO_NUMBER = "SELECT 1 FROM marks WHERE typeof(through) <> 'integer' LIMIT 1"


def open_to_write(path: Path) -> sqlite3.Connection:
    """It, made where there is none; one that is broken is renamed and kept. Raises sqlite3.Error."""
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
    broken = path.with_name(f"{path.name}.broken-{time.time_ns()}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(broken.with_name(broken.name + suffix))
    return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_TABLES)
        ((verdict,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
        if verdict == "ok" and connection.execute(_NO_NUMBER).fetchall():
            verdict = "a mark is no number"
        if verdict != "ok":
            damage = sqlite3.DatabaseError(str(verdict))
            damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damage
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """It, as it is. Raises sqlite3.Error if there is none."""
    return sqlite3.connect(uri_to_read(path, at_rest=is_at_rest(path)), uri=True, check_same_thread=False)


def open_as_it_lies(path: Path) -> sqlite3.Connection:
    """Its file alone, to read, where there is no room for the ones that SQLite makes beside it."""
    return sqlite3.connect(uri_to_read(path, at_rest=True), uri=True, check_same_thread=False)
