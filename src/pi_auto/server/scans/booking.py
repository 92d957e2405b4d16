"""Puts records into the books: one row per (authenticated device, uuid), whichever way it came first.

A repeat with the same content notes its arrival and changes nothing else. A repeat with
other content leaves the row alone and is kept in `conflicts` for a person to judge. All of
it runs in the writer's transaction and may run twice: every step is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, bindparam, insert, select, update

from pi_auto.server.fleet.tables import devices
from pi_auto.server.scans.rows import digest_of, incident_row, scan_row
from pi_auto.server.scans.tables import conflicts, incidents, refusals, scans
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.text import storable
from pi_auto.wire.scan import Incident, Record, Scan

R = TypeVar("R", Scan, Incident)
_MOST_REASON = 2048
_MOST_ID = 63

# Statements of the hot way are built once: building one costs more than running it.
_INSERT_SCANS = insert(scans)
_CONTACT = (
    update(devices)
    .where(devices.c.device_id == bindparam("device"))
    .values(last_api_at=bindparam("now"), changed=bindparam("number"))
)
_KNOWN_SCANS = select(
    scans.c.id, scans.c.uuid, scans.c.digest, scans.c.api_at, scans.c.hub_at, scans.c.corrected_time
).where(scans.c.device_id == bindparam("device"), scans.c.uuid.in_(bindparam("uuids", expanding=True)))
_KNOWN_INCIDENTS = select(incidents).where(
    incidents.c.device_id == bindparam("device"), incidents.c.uuid.in_(bindparam("uuids", expanding=True))
)


class Way(StrEnum):
    """How a record reached the books. The column `api_at` or `hub_at` holds when it first did."""

    API = "api"
    HUB = "hub"


def book(
    connection: Connection, device_id: str, records: Sequence[Record], way: Way, now: datetime
) -> tuple[str, ...]:
    """Book what `device_id` has proved to be its own; the uuids that were known with other content come back."""
    good, flagged = _book_scans(connection, device_id, _of_kind(records, Scan), way, now)
    more = _book_incidents(connection, device_id, _of_kind(records, Incident), way, now)
    if good:
        connection.execute(_INSERT_SCANS, good)
    return (*flagged, *more)


def note_refusal(connection: Connection, device_id: str, way: Way, reason: str, now: datetime) -> None:
    """Keep why something of a device was not booked, once, where a person can see it."""
    row = {
        "device_id": storable(device_id)[:_MOST_ID],
        "way": way,
        "reason": storable(reason)[:_MOST_REASON],
    }
    known = select(refusals.c.id).where(*(refusals.c[name] == value for name, value in row.items()))
    if connection.execute(known).first() is None:
        connection.execute(insert(refusals).values(row | {"received_at": now}))


def note_contact(connection: Connection, device_id: str, now: datetime) -> None:
    """A device has just proved itself to the API."""
    changed = next_change(connection)
    connection.execute(_CONTACT, {"device": device_id, "now": now, "number": changed})


def _book_scans(
    connection: Connection, device_id: str, records: Mapping[str, list[Scan]], way: Way, now: datetime
) -> tuple[list[dict[str, Any]], list[str]]:
    """Settle what is known, and say which rows are new and which uuids contradict what is known."""
    known = _known(connection, _KNOWN_SCANS, device_id, records)
    fresh, flagged = [], []
    for uuid, scans_of_uuid in records.items():
        row = known.get(uuid)
        versions = [(digest_of(scan), scan) for scan in scans_of_uuid]
        settled = row.digest if row else versions[0][0]
        same = [scan for digest, scan in versions if digest == settled]
        others = [(digest, scan) for digest, scan in versions if digest != settled]
        if row is None:
            fresh.append(_fresh_scan(connection, device_id, same[0], settled, way, now))
        elif same:
            _note_arrival(connection, row, same[0], way, now)
        if others:
            _keep(connection, device_id, others, way, now)
            flagged.append(uuid)
            _touch(connection, scans, row)
    return fresh, flagged


def _fresh_scan(
    connection: Connection, device_id: str, scan: Scan, digest: bytes, way: Way, now: datetime
) -> dict[str, Any]:
    arrival = {
        "received_at": now,
        "api_at": now if way is Way.API else None,
        "hub_at": now if way is Way.HUB else None,
        "changed": next_change(connection),
    }
    return scan_row(device_id, scan, digest) | arrival


def _note_arrival(connection: Connection, row: Row[Any], scan: Scan, way: Way, now: datetime) -> None:
    """Fill in what the first arrival could not know: that it came this way too, and its corrected time."""
    news: dict[str, Any] = {}
    if row._mapping[f"{way}_at"] is None:  # noqa: SLF001 - SQLAlchemy's documented access by name
        news[f"{way}_at"] = now
    if row.corrected_time is None and scan.corrected_time is not None:
        news |= {"corrected_time": scan.corrected_time, "scanned_at": scan.corrected_time}
    if news:
        news["changed"] = next_change(connection)
        connection.execute(update(scans).where(scans.c.id == row.id).values(news))


def _book_incidents(
    connection: Connection, device_id: str, records: Mapping[str, list[Incident]], way: Way, now: datetime
) -> list[str]:
    """Book incidents by the same rule; they carry no arrival times."""
    known = _known(connection, _KNOWN_INCIDENTS, device_id, records)
    flagged = []
    for uuid, versions in records.items():
        row = known.get(uuid)
        first = incident_row(device_id, versions[0])
        if row is None:
            arrival = {"received_at": now, "changed": next_change(connection)}
            connection.execute(insert(incidents).values(first | arrival))
        settled = first if row is None else {name: row._mapping[name] for name in first}  # noqa: SLF001 - see above
        others = [(digest_of(each), each) for each in versions if incident_row(device_id, each) != settled]
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


def _known(connection: Connection, query: Any, device_id: str, records: Mapping[str, Any]) -> dict[str, Row[Any]]:
    if not records:
        return {}
    rows = connection.execute(query, {"device": device_id, "uuids": list(records)})
    return {row.uuid: row for row in rows}


def _of_kind(records: Sequence[Record], kind: type[R]) -> dict[str, list[R]]:
    """The records of one kind by uuid: one batch may itself hold a uuid twice."""
    grouped: dict[str, list[R]] = {}
    for record in records:
        if isinstance(record, kind):
            grouped.setdefault(record.uuid, []).append(record)
    return grouped
