"""Books incidents: those that devices send, by the rule of scans, and those that the server notices itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, insert, select, update

from pi_auto.server.scans.conflicts import keep
from pi_auto.server.scans.rows import digest_of, incident_row, lasting
from pi_auto.server.scans.tables import incidents
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.text import storable
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Incident

_MOST_REASON = 2048


def book_incidents(
    connection: Connection, device_id: str, lost: Sequence[Incident], way: str, now: datetime
) -> list[str]:
    """Book what devices send; the uuids that were known with other content come back."""
    known = _known(connection, device_id, [incident.uuid for incident in lost])
    flagged = []
    for uuid, versions in _by_uuid(lost).items():
        row = known.get(uuid)
        booked = lasting(_booked(connection, incident_row(device_id, versions[0]), row, now))
        others = [(digest_of(each), each) for each in versions if lasting(incident_row(device_id, each)) != booked]
        if others:
            keep(connection, device_id, others, way, now)
            flagged.append(uuid)
            _touch(connection, row)
    return flagged


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


def _known(connection: Connection, device_id: str, uuids: Sequence[str]) -> dict[str, Row[Any]]:
    query = select(incidents).where(incidents.c.device_id == device_id, incidents.c.uuid.in_(uuids))
    return {row.uuid: row for row in connection.execute(query)}


def _booked(connection: Connection, first: dict[str, Any], row: Row[Any] | None, now: datetime) -> dict[str, Any]:
    """What the books hold: its `row`, or from now on the `first` of it that came."""
    if row is not None:
        return {name: row._mapping[name] for name in first}  # noqa: SLF001 - documented access by name
    arrival = {"received_at": now, "changed": next_change(connection)}
    connection.execute(insert(incidents).values(first | arrival))
    return first


def _touch(connection: Connection, row: Row[Any] | None) -> None:
    """Make the live page look at a row again, where it has one already."""
    if row is not None:
        changed = update(incidents).where(incidents.c.id == row.id)
        connection.execute(changed.values(changed=next_change(connection)))


def _by_uuid(lost: Sequence[Incident]) -> Mapping[str, list[Incident]]:
    """One batch may itself hold a uuid twice."""
    grouped: dict[str, list[Incident]] = {}
    for incident in lost:
        grouped.setdefault(incident.uuid, []).append(incident)
    return grouped
