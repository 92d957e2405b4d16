"""Looks whether a spool can be used, without changing a byte of it."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from pi_auto.client.spool.damage import damage_named
from pi_auto.client.spool.errors import SpoolDamaged, SpoolRefused
from pi_auto.client.spool.schema import SCHEMA, connect_to_read, next_number
from pi_auto.wire.fields import UUID_FORM

_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_CHECK_SECONDS = 5.0  # at opening; what a longer check would find, a later one finds


def examine(path: Path, acknowledged: Callable[[str], int]) -> None:
    """Raise SpoolDamaged, or SpoolRefused, if the spool at `path` cannot be used; see `Spool.open`."""
    with damage_named():
        connection = connect_to_read(path)
        try:
            meta = meta_of(connection)
            if _NUMBER.match(meta.get("schema", "")) and int(meta["schema"]) > SCHEMA:
                raise SpoolRefused(f"{path} has schema {meta['schema']}; this program knows {SCHEMA} and less")
            if not _makes_sense(meta):
                raise SpoolDamaged(f"its meta table holds {meta}")
            deadline = time.monotonic() + _CHECK_SECONDS
            look_through(connection, lambda: time.monotonic() > deadline)
            newest, settled = next_number(connection) - 1, acknowledged(meta["uuid"])
            if newest < settled:
                raise SpoolDamaged(f"it ends at number {newest}, but {settled} was acknowledged: its end is lost")
        finally:
            connection.close()


def _makes_sense(meta: dict[str, str]) -> bool:
    """Whether a spool knows its name, its form, and which number comes next where it says so.

    One bit of these that a disk has turned is nothing that SQLite would notice.
    """
    named = UUID_FORM.match(meta.get("uuid", "")) and _NUMBER.match(meta.get("next", "1"))
    return bool(named) and meta.get("schema") == str(SCHEMA)


def meta_of(connection: sqlite3.Connection) -> dict[str, str]:
    """What a spool says of itself. Raises SpoolDamaged if it is none."""
    try:
        rows = connection.execute("SELECT key, value FROM meta").fetchall()
        return {str(key): str(value) for key, value in rows}  # a damaged cell may be of any type
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # no such table: another file, or an empty one
            raise SpoolDamaged(str(error)) from error
        raise


def look_through(connection: sqlite3.Connection, give_up: Callable[[], bool]) -> None:
    """Read the whole file until `give_up` says so; SpoolDamaged if something is wrong with it."""
    connection.set_progress_handler(lambda: int(give_up()), 10_000)
    try:
        with damage_named():
            connection.execute("SELECT count(*) FROM (SELECT 1 FROM records LIMIT 1)").fetchall()
            ((verdict,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise SpoolDamaged(str(error)) from error
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    else:
        if verdict != "ok":
            raise SpoolDamaged(str(verdict))
    finally:
        connection.set_progress_handler(None, 0)
