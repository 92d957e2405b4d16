"""Records as rows of the books, and rows as the JSON that the API lists. Pure."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from pi_auto.server.store.text import storable
from pi_auto.wire.scan import Incident, Record, Scan
from pi_auto.wire.times import format_time


def scan_row(device_id: str, scan: Scan, digest: bytes) -> dict[str, Any]:
    """The columns that follow from the scan itself; when and how it arrived is the booking's."""
    return {
        "device_id": device_id,
        "uuid": scan.uuid,
        "spool": scan.position.spool,
        "number": scan.position.number,
        "scanner_id": storable(scan.scanner.id),
        "scanner_name": storable(scan.scanner.name),
        "scanner_port": storable(scan.scanner.port),
        "raw": scan.raw,
        "text": storable(scan.text),
        "aim": _maybe(scan.aim),
        "symbology": _maybe(scan.symbology),
        "gtin": _maybe(scan.gtin),
        "check_digit_ok": scan.check_digit_ok,
        "repeat_of": scan.repeat_of,
        "quantity": scan.quantity,
        "boot_id": scan.stamp.boot_id,
        "boottime_ns": scan.stamp.boottime_ns,
        "wall_time": scan.stamp.wall_time,
        "synced": scan.stamp.synced,
        "corrected_time": scan.corrected_time,
        "scanned_at": scan.corrected_time or scan.stamp.wall_time,
        "digest": digest,
    }


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


def digest_of(record: Record) -> bytes:
    """SHA-256 over all of the record that never changes."""
    if isinstance(record, Scan):
        return record.digest()
    canonical = json.dumps(record.to_json(), sort_keys=True, separators=(",", ":"))
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
        "corrected_time": _time(row.corrected_time),
        "received_at": format_time(row.received_at),
        "api_at": _time(row.api_at),
        "hub_at": _time(row.hub_at),
        "flagged": bool(row.flagged),
    }


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None


def _maybe(text: str | None) -> str | None:
    return None if text is None else storable(text)
