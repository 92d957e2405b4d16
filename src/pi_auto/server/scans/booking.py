"""Puts records into the books: one row per (authenticated device, uuid), whichever way it came first.

A repeat with the same content notes its arrival and changes nothing else. A repeat with
other content leaves the row alone and is kept in `conflicts` for a person to judge. All of
it runs in the writer's transaction and may run twice: every step is idempotent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, Table, insert, select, update

from pi_auto.server.fleet.contacts import API, book_sign
from pi_auto.server.fleet.pace import own_interval
from pi_auto.server.scans.rows import SCAN_COLUMNS, digest_of, incident_row, lasting, scan_values
from pi_auto.server.scans.tables import conflicts, incidents, refusals
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.statements import execute, execute_many, first_row, moments
from pi_auto.server.store.text import storable
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Incident, Record, Scan

_MOST_REASON = 2048
_MOST_ID = 63
_CONTACT_EVERY = timedelta(seconds=1)
_AHEAD = timedelta(minutes=1)  # a contact farther ahead is from a clock that has been put right since
_MOST_REFUSALS = 2000  # kept of a device: two of the largest batches

_COLUMNS = (*SCAN_COLUMNS, "received_at", "api_at", "hub_at", "changed")

# One statement books a new scan and completes a known one: with its arrival by the other way, or with a
# corrected time. It leaves alone what has nothing new to it, or other content.
_BOOK_SCAN = f"""
    INSERT INTO scans ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" for _ in _COLUMNS)})
    ON CONFLICT (device_id, uuid) DO UPDATE SET
        api_at = coalesce(scans.api_at, excluded.api_at),
        hub_at = coalesce(scans.hub_at, excluded.hub_at),
        corrected_time = coalesce(scans.corrected_time, excluded.corrected_time),
        time_error_ms = CASE WHEN scans.corrected_time IS NULL
            THEN excluded.time_error_ms ELSE scans.time_error_ms END,
        scanned_at = coalesce(scans.corrected_time, excluded.corrected_time, scans.scanned_at),
        changed = excluded.changed
    WHERE scans.digest = excluded.digest AND (
        scans.api_at IS NULL AND excluded.api_at IS NOT NULL
        OR scans.hub_at IS NULL AND excluded.hub_at IS NOT NULL
        OR scans.corrected_time IS NULL AND excluded.corrected_time IS NOT NULL
    )
"""  # noqa: S608 - names of our own columns

_BOOKED_AS = "SELECT 1 FROM scans WHERE device_id = ? AND uuid = ? AND digest = ?"
_SHOW_AGAIN = "UPDATE scans SET changed = ? WHERE device_id = ? AND uuid = ?"  # the live page looks at it again

_REPORTED = "SELECT reported FROM devices WHERE device_id = ?"
_CONTACT = """
    UPDATE devices SET last_api_at = ?, changed = ?
    WHERE device_id = ?
        AND (last_api_at IS NULL OR last_api_at < ? OR last_api_at > ? OR last_api_at <= said_offline_at)
"""

_FORGET_REFUSALS = """
    DELETE FROM refusals WHERE device_id = ? AND id <= (
        SELECT id FROM refusals WHERE device_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?
    )
"""


class Way(StrEnum):
    """How a record reached the books. The column `api_at` or `hub_at` holds when it first did."""

    API = "api"
    HUB = "hub"


def book(
    connection: Connection, device_id: str, records: Sequence[Record], way: Way, now: datetime
) -> tuple[str, ...]:
    """Book what `device_id` has proved to be its own; the uuids that were known with other content come back."""
    flagged = _book_scans(connection, device_id, [each for each in records if isinstance(each, Scan)], way, now)
    lost = [each for each in records if isinstance(each, Incident)]
    return (*flagged, *(_book_incidents(connection, device_id, lost, way, now) if lost else ()))


def note_refusal(connection: Connection, device_id: str, way: Way, reason: str, now: datetime) -> bool:
    """Keep why something of a device was not booked, once; whether that is news. The oldest make room.

    Whether it is news is looked up among all that is kept of the device, which may send rubbish without end.
    """
    row = {
        "device_id": storable(device_id)[:_MOST_ID],
        "way": way,
        "reason": storable(reason)[:_MOST_REASON],
    }
    known = select(refusals.c.id).where(*(refusals.c[name] == value for name, value in row.items()))
    is_news = connection.execute(known).first() is None
    if is_news:
        connection.execute(insert(refusals).values(row | {"received_at": now}))
        execute(connection, _FORGET_REFUSALS, (row["device_id"], row["device_id"], _MOST_REFUSALS))
    return is_news


def note_incident(
    connection: Connection, device_id: str, at: Position, kind: str, reason: str, now: datetime
) -> None:
    """Put what the server has noticed by itself, at a place of a device's spool, among what people look at."""
    row = {
        "device_id": device_id,
        "uuid": str(uuid4()),
        "spool": at.spool,
        "number": at.number,
        "type": kind,
        "reason": storable(reason)[:_MOST_REASON],
        "happened_at": now,
        "received_at": now,
        "changed": next_change(connection),
    }
    connection.execute(insert(incidents).values(row))


def note_contact(connection: Connection, device_id: str, now: datetime) -> None:
    """A device has just proved itself to the API. Written once a second: presence counts in heartbeats."""
    moment = moments(connection.dialect)
    close = moment(now - _CONTACT_EVERY), moment(now + _AHEAD)
    values = moment(now), next_change(connection), device_id, *close
    if execute(connection, _CONTACT, values):
        book_sign(connection, device_id, way=API, at=now, now=now, interval=_interval(connection, device_id))


def _interval(connection: Connection, device_id: str) -> int | None:
    """How often the device reports, in seconds, where that is set for it alone."""
    (said,) = first_row(connection, _REPORTED, (device_id,))
    return own_interval(json.loads(said) if isinstance(said, str) else said)


def _book_scans(
    connection: Connection, device_id: str, taken: Sequence[Scan], way: Way, now: datetime
) -> list[str]:
    """Book scans; which uuids contradict what is known is only looked for when some row stayed as it was."""
    moment = moments(connection.dialect)
    at = moment(now)
    arrival = (at, at, None) if way is Way.API else (at, None, at)
    versions = [(scan.digest(), scan) for scan in taken]
    rows = [
        (*scan_values(device_id, scan, digest, moment), *arrival, next_change(connection))
        for digest, scan in versions
    ]
    if not rows or execute_many(connection, _BOOK_SCAN, rows) == len(rows):
        return []
    return _flag_contradictions(connection, device_id, versions, way, now)


def _flag_contradictions(
    connection: Connection, device_id: str, versions: Sequence[tuple[bytes, Scan]], way: Way, now: datetime
) -> list[str]:
    """Keep the versions that differ from the booked ones; their uuids."""
    others = [
        (digest, scan)
        for digest, scan in versions
        if first_row(connection, _BOOKED_AS, (device_id, scan.uuid, digest)) is None
    ]
    _keep(connection, device_id, others, way, now)
    flagged = list(dict.fromkeys(scan.uuid for _, scan in others))
    for uuid in flagged:
        execute(connection, _SHOW_AGAIN, (next_change(connection), device_id, uuid))
    return flagged


def _book_incidents(
    connection: Connection, device_id: str, lost: Sequence[Incident], way: Way, now: datetime
) -> list[str]:
    """Book incidents by the same rule; they carry no arrival times."""
    known = _known(connection, incidents, device_id, [incident.uuid for incident in lost])
    flagged = []
    for uuid, versions in _by_uuid(lost).items():
        row = known.get(uuid)
        first = incident_row(device_id, versions[0])
        if row is None:
            arrival = {"received_at": now, "changed": next_change(connection)}
            connection.execute(insert(incidents).values(first | arrival))
        booked = first if row is None else {name: row._mapping[name] for name in first}  # noqa: SLF001 - documented access by name
        others = [
            (digest_of(each), each)
            for each in versions
            if lasting(incident_row(device_id, each)) != lasting(booked)
        ]
        if others:
            _keep(connection, device_id, others, way, now)
            flagged.append(uuid)
            _touch(connection, incidents, row)
    return flagged


def _keep(
    connection: Connection, device_id: str, others: Iterable[tuple[bytes, Record]], way: Way, now: datetime
) -> None:
    """Keep other versions of a record beside the settled one, each once."""
    for digest, record in others:
        row = {
            "device_id": device_id,
            "uuid": record.uuid,
            "way": way,
            "content": record.to_json(),
            "digest": digest,
            "received_at": now,
        }
        connection.execute(insert(conflicts).prefix_with("OR IGNORE", dialect="sqlite").values(row))


def _touch(connection: Connection, table: Table, row: Row[Any] | None) -> None:
    """Make the live page look at a row again, where it has one already."""
    if row is None:
        return
    connection.execute(update(table).where(table.c.id == row.id).values(changed=next_change(connection)))


def _known(connection: Connection, table: Table, device_id: str, uuids: Sequence[str]) -> dict[str, Row[Any]]:
    query = select(table).where(table.c.device_id == device_id, table.c.uuid.in_(uuids))
    return {row.uuid: row for row in connection.execute(query)}


def _by_uuid(lost: Sequence[Incident]) -> Mapping[str, list[Incident]]:
    """One batch may itself hold a uuid twice."""
    grouped: dict[str, list[Incident]] = {}
    for incident in lost:
        grouped.setdefault(incident.uuid, []).append(incident)
    return grouped
