"""Puts records into the books: one row per (authenticated device, uuid), whichever way it came first.

A repeat with the same content notes its arrival and changes nothing else. A repeat with
other content leaves the row alone and is kept in `conflicts` for a person to judge. All of
it runs in the writer's transaction and may run twice: every step is idempotent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from pi_auto.server.scans.conflicts import keep
from pi_auto.server.scans.incidents import book_incidents
from pi_auto.server.scans.rows import SCAN_COLUMNS, scan_values
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.statements import execute, execute_many, first_row, moments
from pi_auto.wire.scan import Incident, Record, Scan

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
    return (*flagged, *(book_incidents(connection, device_id, lost, way, now) if lost else ()))


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
    keep(connection, device_id, others, way, now)
    flagged = list(dict.fromkeys(scan.uuid for _, scan in others))
    for uuid in flagged:
        execute(connection, _SHOW_AGAIN, (next_change(connection), device_id, uuid))
    return flagged
