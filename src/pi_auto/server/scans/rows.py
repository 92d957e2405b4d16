"""Records as rows of the books, and rows as the JSON that the API lists. Pure."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from pi_auto.server.store.text import storable
from pi_auto.wire.scan import Incident, Record, Scan
from pi_auto.wire.times import format_time, time_or_none

_POSITION = ("spool", "number")
SCAN_COLUMNS = (
    "device_id", "uuid", "spool", "number",
    "scanner_id", "scanner_name", "scanner_port",
    "raw", "text", "aim", "symbology", "gtin", "check_digit_ok", "repeat_of", "quantity",
    "boot_id", "boottime_ns", "wall_time", "synced", "corrected_time", "time_error_ms", "scanned_at",
    "digest",
)  # fmt: skip


def scan_values(device_id: str, scan: Scan, digest: bytes, moment: Callable[[datetime], Any]) -> tuple[Any, ...]:
    """What SCAN_COLUMNS hold of a scan, times as `moment` makes them; when and how it came is the booking's."""
    scanner, stamp = scan.scanner, scan.stamp
    wall = moment(stamp.wall_time)
    corrected = moment(scan.corrected_time) if scan.corrected_time else None
    return (
        device_id, scan.uuid, scan.position.spool, scan.position.number,
        storable(scanner.id), storable(scanner.name), storable(scanner.port),
        scan.raw, storable(scan.text), _maybe(scan.aim), _maybe(scan.symbology), _maybe(scan.gtin),
        scan.check_digit_ok, scan.repeat_of, scan.quantity,
        stamp.boot_id, stamp.boottime_ns, wall, stamp.synced, corrected, scan.time_error_ms,
        corrected or wall,
        digest,
    )  # fmt: skip


def incident_row(device_id: str, incident: Incident) -> dict[str, Any]:
    """The columns that follow from the incident itself."""
    return {
        "device_id": device_id,
        "uuid": incident.uuid,
        "spool": incident.position.spool,
        "number": incident.position.number,
        "type": incident.type,
        "reason": storable(incident.reason),
        "scanner_id": storable(incident.scanner.id) if incident.scanner else None,
        "happened_at": incident.stamp.wall_time,
    }


def lasting(row: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record never changes: all but its position. One salvaged from a broken spool gets a new one."""
    return {name: value for name, value in row.items() if name not in _POSITION}


def digest_of(record: Record) -> bytes:
    """SHA-256 over all of the record that never changes."""
    if isinstance(record, Scan):
        return record.digest()
    canonical = json.dumps(lasting(record.to_json()), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()


def scan_json(row: Row[Any]) -> dict[str, Any]:
    """A booked scan as the API lists it."""
    return {
        "device_id": row.device_id,
        "uuid": row.uuid,
        "spool": row.spool,
        "number": row.number,
        "text": row.text,
        "raw": b64encode(row.raw).decode(),
        "quantity": row.quantity,
        "aim": row.aim,
        "symbology": row.symbology,
        "gtin": row.gtin,
        "check_digit_ok": row.check_digit_ok,
        "repeat_of": row.repeat_of,
        "scanner": {"id": row.scanner_id, "name": row.scanner_name, "port": row.scanner_port},
        "scanned_at": format_time(row.scanned_at),
        "wall_time": format_time(row.wall_time),
        "synced": row.synced,
        "corrected_time": time_or_none(row.corrected_time),
        "time_error_ms": row.time_error_ms,
        "received_at": format_time(row.received_at),
        "api_at": time_or_none(row.api_at),
        "hub_at": time_or_none(row.hub_at),
        "flagged": bool(row.flagged),
        "cloned": bool(row.cloned),
        "legacy": row.legacy,
    }


def _maybe(text: str | None) -> str | None:
    return None if text is None else storable(text)
