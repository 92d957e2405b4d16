"""Gets out of a broken spool what can still be read.

First by query, stepping over numbers whose page is damaged; where that meets damage, also
by searching the raw file and its log for records, which finds them even when the header
is gone. What comes out has passed the wire's checks; nothing is ever repaired or guessed.
"""

from __future__ import annotations

import json
import mmap
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from pi_auto.client.spool.damage import is_damage
from pi_auto.client.spool.schema import FILE_NAME, connect_to_read, record_of
from pi_auto.frozen import frozen
from pi_auto.wire.scan import Incident, Record, Scan

_MOST_BARREN = 100_000  # numbers in a row that give nothing, before the query is given up
_RECORD_BEGINS = b'{"uuid":"'
_PAGE = 4096  # a longer record is spread over pages and cannot be found by searching


@frozen
class Salvaged:
    """A record out of a broken spool; `stored_at` is None where the record was found without its row."""

    record: Record
    stored_at: int | None


def salvage(folder: Path) -> list[Salvaged]:
    """Every record that can be read from the spool in `folder`, in its old order, each uuid once."""
    found: dict[str, Salvaged] = {}
    damaged = _query(folder / FILE_NAME, found)
    if damaged:
        for name in (FILE_NAME, f"{FILE_NAME}-wal"):
            for record in _search(folder / name):
                found.setdefault(record.uuid, Salvaged(record, None))
    return sorted(found.values(), key=lambda salvaged: salvaged.record.position.number)


def _query(path: Path, found: dict[str, Salvaged]) -> bool:
    """Gather rows into `found`; True if anything was in the way."""
    try:
        connection = connect_to_read(path)
    except sqlite3.Error:
        return True
    try:
        return _walk(connection, found)
    finally:
        connection.close()


def _walk(connection: sqlite3.Connection, found: dict[str, Salvaged]) -> bool:
    after = barren = 0
    damaged = False
    while barren < _MOST_BARREN:
        rows = "SELECT number, kind, body, stored_at FROM records WHERE number > ? ORDER BY number"
        try:
            for number, kind, body, stored_at in connection.execute(rows, (after,)):
                after, barren = number, 0
                damaged = not _keep(kind, body, stored_at, found) or damaged
        except sqlite3.Error as error:
            damaged = True
            if not is_damage(error) or error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                return True
            after, barren = after + 1, barren + 1
        else:
            return damaged
    return damaged


def _keep(kind: object, body: object, stored_at: object, found: dict[str, Salvaged]) -> bool:
    try:
        record = record_of(str(kind), str(body))
    except ValueError:
        return False
    found[record.uuid] = Salvaged(record, stored_at if isinstance(stored_at, int) else None)
    return True


def _search(path: Path) -> Iterator[Record]:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            at = content.find(_RECORD_BEGINS)
            while at >= 0:
                record = _record_in(content[at : at + _PAGE].decode("latin-1"))
                if record:
                    yield record
                at = content.find(_RECORD_BEGINS, at + 1)
    except (OSError, ValueError):  # not there, or empty, which cannot be mapped
        return


def _record_in(text: str) -> Record | None:
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
        return Scan.from_json(value) if "raw" in value else Incident.from_json(value)
    except (ValueError, RecursionError):
        return None
