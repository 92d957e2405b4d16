"""Sets a broken spool aside and begins a new one, so that a crash at any step is made good by the next start.

    1. A folder `set-aside/<time>/` is made and told the cause; the broken file moves into it, then its log.
    2. No spool is in place now: whoever opens it builds one under another name, out of what can be
       salvaged from every set-aside folder that is not marked `salvaged`, and renames it into place.
    3. Those folders are marked. A crash before that salvages twice, which the server sees by the uuids.

What was set aside and is of another machine, whose SD card this one has got, is salvaged first, into a spool of
that machine's, which is put away as `retiring` does it: the server has these scans under that device's name.

The broken file moves before its log: SQLite would replay a log that is left alone into whatever
file comes to lie beside it, so step 2 moves a stray log away before a new spool takes the name.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from pi_auto.client.clock import Now
from pi_auto.client.spool.drafts import IncidentDraft
from pi_auto.client.spool.retiring import MACHINE, NOTE, machine_of, noted_machine, retire
from pi_auto.client.spool.salvage import Salvaged, salvage
from pi_auto.client.spool.schema import FILE_NAME, INSERT, SCHEMA, TABLES, row_of
from pi_auto.client.uuids import new_uuid
from pi_auto.files import fsync_folder, write_whole
from pi_auto.frozen import frozen, replace
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Incident, Record

SET_ASIDE = "set-aside"

_LOGS = (f"{FILE_NAME}-wal", f"{FILE_NAME}-shm", f"{FILE_NAME}-journal")
_NEW = "spool.new.sqlite"
_CAUSE, _SALVAGED = "cause.txt", "salvaged"
_MOST_REASON = 1024
_log = logging.getLogger("pi_auto.spool")


def set_aside(folder: Path, cause: str) -> None:
    """Move the spool in `folder` out of the way, for ever kept. No connection may be open on it."""
    place = _new_place(folder, cause)
    (folder / FILE_NAME).rename(place / FILE_NAME)
    fsync_folder(folder)
    _move_logs(folder, place)


def begin_anew(folder: Path, now: Now, machine: str | None = None) -> None:
    """Put a new spool into `folder`, which has none, with what can be salvaged from those set aside.

    Of another machine than `machine` goes nothing into it.
    """
    _move_stray_logs(folder)
    found = [_look(place) for place in _pending(folder)]
    others = [one for one in found if machine and one.machine not in {None, machine}]
    for one in others:
        path, spool = _new_file(folder), new_uuid()
        incidents = _build(path, spool, [one], now, one.machine)
        retire(folder, spool, path.name)
        _conclude([one], incidents)
    own = [one for one in found if one not in others]
    path = _new_file(folder)
    incidents = _build(path, new_uuid(), own, now, machine)
    path.rename(folder / FILE_NAME)
    fsync_folder(folder)
    _conclude(own, incidents)


@frozen
class _Found:
    """What is in a set-aside folder, and the machine that it is of, if that can be told."""

    place: Path
    items: list[Salvaged]
    machine: str | None


def _look(place: Path) -> _Found:
    items = salvage(place)
    noted = noted_machine(place, items[0].record.position.spool) if items else None
    return _Found(place, items, noted or machine_of(place / FILE_NAME))


def _new_file(folder: Path) -> Path:
    for stale in folder.glob(f"{_NEW}*"):
        stale.unlink()
    return folder / _NEW


def _conclude(found: list[_Found], incidents: list[Incident]) -> None:
    """It is in place: mark what it was made of, and tell."""
    for one in found:
        write_whole(one.place / _SALVAGED, "")
    for incident in incidents:
        _log.error(
            "spool_replaced: number=%d uuid=%s reason=%s",
            incident.position.number,
            incident.uuid,
            incident.reason,
        )


def _new_place(folder: Path, cause: str) -> Path:
    place = folder / SET_ASIDE / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.urandom(4).hex()}"
    place.mkdir(parents=True)
    write_whole(place / _CAUSE, cause)
    if (folder / NOTE).exists():
        write_whole(place / NOTE, (folder / NOTE).read_bytes())
    fsync_folder(place.parent)
    fsync_folder(folder)
    return place


def _move_logs(folder: Path, place: Path) -> None:
    for name in _LOGS:
        if (folder / name).exists():
            (folder / name).rename(place / name)
    fsync_folder(place)
    fsync_folder(folder)


def _move_stray_logs(folder: Path) -> None:
    """Join a log to its spool again, when a crash has come between their moves."""
    if not any((folder / name).exists() for name in _LOGS):
        return
    parted = [place for place in _pending(folder) if not any((place / name).exists() for name in _LOGS)]
    _move_logs(folder, parted[-1] if parted else _new_place(folder, "a log was found without its spool"))


def _pending(folder: Path) -> list[Path]:
    """Set-aside folders that hold something not yet salvaged, oldest first."""
    places = sorted(place for place in (folder / SET_ASIDE).glob("*") if place.is_dir())
    return [
        place
        for place in places
        if not (place / _SALVAGED).exists() and any((place / name).exists() for name in (FILE_NAME, *_LOGS))
    ]


def _build(path: Path, spool: str, found: list[_Found], now: Now, machine: str | None) -> list[Incident]:
    """Write a whole new spool of `machine` at `path`; the incidents in it that tell of those set aside."""
    stamp = now()
    stored_at = int(stamp.wall_time.timestamp() * 1000)
    records: list[tuple[Record, int]] = []
    incidents = []
    for one in found:
        salvaged = _not_yet(one.items, records)
        for item in salvaged:
            position = Position(spool, len(records) + 1)
            records.append((replace(item.record, position=position), item.stored_at or stored_at))
        draft = IncidentDraft(new_uuid(), "spool_replaced", _reason(one.place, salvaged), stamp)
        incident = draft.at(Position(spool, len(records) + 1))
        records.append((incident, stored_at))
        incidents += [incident] if isinstance(incident, Incident) else []
    _write(path, spool, records, machine)
    return incidents


def _not_yet(salvaged: list[Salvaged], records: list[tuple[Record, int]]) -> list[Salvaged]:
    known = {record.uuid for record, _ in records}
    return [item for item in salvaged if item.record.uuid not in known]


def _reason(place: Path, salvaged: list[Salvaged]) -> str:
    cause = (place / _CAUSE).read_text(encoding="utf-8") if (place / _CAUSE).exists() else "unknown"
    numbers = [item.record.position.number for item in salvaged]
    span = f" (of its numbers {numbers[0]} to {numbers[-1]})" if numbers else ""
    told = f"salvaged {len(numbers)} records{span}; it is kept in {SET_ASIDE}/{place.name}; cause: {cause}"
    return told[:_MOST_REASON]


def _write(path: Path, spool: str, records: list[tuple[Record, int]], machine: str | None) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # so that pruning gives room back to the disk
        connection.executescript(f"BEGIN; {TABLES}")
        meta = [("uuid", spool), ("schema", str(SCHEMA))] + ([(MACHINE, machine)] if machine else [])
        connection.executemany("INSERT INTO meta(key, value) VALUES (?, ?)", meta)
        connection.executemany(INSERT, (row_of(record, stored_at) for record, stored_at in records))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
