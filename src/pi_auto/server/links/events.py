"""Books one event of the hub: telemetry becomes scans, a twin change or a connection a sign of life.

Runs in the writer's transaction that also moves the cursor past the event. An event that
cannot be booked is noted with the reason and passed by: nothing a device sends may block
what the others send.
"""

from __future__ import annotations

import json
import logging
from base64 import b64decode
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from pi_auto.server.enrolment.clones import note_live
from pi_auto.server.fleet.contacts import HUB, book_connection, book_sign
from pi_auto.server.fleet.pace import own_interval
from pi_auto.server.fleet.registering import hostname_of
from pi_auto.server.fleet.tables import devices
from pi_auto.server.legacy.booking import book_telemetry
from pi_auto.server.scans.booking import Way, book
from pi_auto.server.scans.refusals import note_refusal
from pi_auto.server.store.changes import next_change
from pi_auto.server.store.statements import first_row
from pi_auto.server.store.text import storable
from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.fields import UUID_FORM
from pi_auto.wire.hublink import TELEMETRY, TWIN_CHANGE, Event
from pi_auto.wire.ids import DEVICE_ID
from pi_auto.wire.registration import is_deeper
from pi_auto.wire.telemetry import record_of
from pi_auto.wire.times import parse_time
from pi_auto.wire.twin import merged

MOST_REPORTED = 64 * 1024  # bytes of JSON; Azure allows 32 KiB
MOST_LEVELS = 20  # Azure allows 10
_MOST_VERSION = 64
_KNOWN = "SELECT legacy FROM devices WHERE device_id = ?"
_log = logging.getLogger(__name__)


def book_event(connection: Connection, event: Event, now: datetime) -> None:
    """Book what the hub says a device has sent, or note why it cannot be booked."""
    try:
        _book(connection, event, now)
    except FieldError as error:
        _log.warning("event %d of %s refused: %s", event.sequence_number, event.device_id, error)
        note_refusal(connection, event.device_id, Way.HUB, f"event {event.sequence_number}: {error}", now)


def _book(connection: Connection, event: Event, now: datetime) -> None:
    if not DEVICE_ID.match(event.device_id):
        raise FieldError("device_id", shown(event.device_id), DEVICE_ID.pattern)
    if event.type == TELEMETRY:
        _book_telemetry(connection, event, now)
    elif event.type == TWIN_CHANGE:
        _book_twin_change(connection, event, now)
    else:
        row = _make_sure_of(connection, event.device_id, now)
        book_connection(connection, row, event, parse_time(event.enqueued_at) or now, now)


def _book_telemetry(connection: Connection, event: Event, now: datetime) -> None:
    body, known = _telemetry_body(event.body), first_row(connection, _KNOWN, (event.device_id,))
    if known and known[0]:
        sent = parse_time(event.enqueued_at) or now
        book_telemetry(
            connection, event.device_id, body, f"{event.enqueued_at} {event.sequence_number}", sent, now
        )
        return
    record = record_of(body, event.device_id)
    if known is None:
        _make_sure_of(connection, event.device_id, now)
    book(connection, event.device_id, [record], Way.HUB, now)


def _telemetry_body(body: object) -> Any:
    try:
        return msgspec.json.decode(b64decode(body if isinstance(body, str) else b"", validate=True))
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise FieldError("body", shown(body), f"JSON in UTF-8 ({error})") from None


def _book_twin_change(connection: Connection, event: Event, now: datetime) -> None:
    patch = _reported_in(event.body)
    if not patch:
        return  # desired properties and tags are the server's own doing
    if is_deeper(patch, MOST_LEVELS):
        raise FieldError("properties.reported", shown(patch), f"at most {MOST_LEVELS} levels")
    at = parse_time(event.enqueued_at) or now
    row = _make_sure_of(connection, event.device_id, now)
    reported = merged(row.reported or {}, patch)
    if len(json.dumps(reported)) > MOST_REPORTED:
        raise FieldError("properties.reported", "longer", f"at most {MOST_REPORTED} bytes")
    news: dict[str, Any] = {"reported": reported, "last_heartbeat_at": at, "changed": next_change(connection)}
    if patch.get("status") == "offline":
        news["said_offline_at"] = at
    version = patch.get("client_version")
    if isinstance(version, str) and 0 < len(version) <= _MOST_VERSION:
        news["client_version"] = storable(version)
    info = patch.get("device_info")
    if isinstance(info, dict) and (hostname := hostname_of(info)):
        news["hostname"] = hostname
    connection.execute(update(devices).where(devices.c.device_id == event.device_id).values(news))
    boot = patch.get("boot")
    if isinstance(boot, str) and UUID_FORM.match(boot):
        note_live(connection, event.device_id, boot, at, now)
    alive = patch.get("status") != "offline"
    book_sign(connection, event.device_id, HUB, at, now, alive=alive, interval=own_interval(reported))


def _reported_in(body: object) -> dict[str, Any]:
    """The reported patch of a twin change, in Azure's shape; IoT Hub's own `$` properties left out."""
    properties = body.get("properties") if isinstance(body, dict) else None
    reported = properties.get("reported") if isinstance(properties, dict) else None
    if reported is not None and not isinstance(reported, dict):
        raise FieldError("properties.reported", shown(reported), "a JSON object")
    return {name: value for name, value in (reported or {}).items() if not name.startswith("$")}


def _make_sure_of(connection: Connection, device_id: str, now: datetime) -> Any:
    """The device's row. The hub knows a device that these books do not when they were restored from a backup."""
    query = select(devices).where(devices.c.device_id == device_id)
    row = connection.execute(query).first()
    if row is None:
        blank = {"client_version": "", "system_info": {}, "registered_at": now, "changed": next_change(connection)}
        connection.execute(insert(devices).values(device_id=device_id, **blank))
        row = connection.execute(query).one()
    return row
