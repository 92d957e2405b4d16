"""A record as telemetry for the hub: the body the legacy contract's readers know, with the whole record inside."""

from __future__ import annotations

import json

from pi_auto.wire import topics
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.scan import Incident, Record, Scan
from pi_auto.wire.times import format_time

SCAN = "barcode_scan"
INCIDENT = "incident"


def telemetry_topic(device_id: str, record: Record) -> str:
    """The topic with the property bag. The message id is the record's uuid, so that a repeat shows as one."""
    bag = {"$.mid": record.uuid, "$.ct": "application/json", "$.ce": "utf-8"}
    return topics.telemetry(device_id, bag)


def telemetry_body(device_id: str, record: Record) -> bytes:
    """The body, UTF-8 JSON."""
    body: dict[str, object]
    if isinstance(record, Incident):
        body = {"deviceId": device_id, "messageType": INCIDENT, "incident": record.to_json()}
    else:
        body = {
            "deviceId": device_id,
            "barcode": record.text,
            "quantity": record.quantity,
            "timestamp": format_time(record.corrected_time or record.stamp.wall_time),
            "messageType": SCAN,
            "scan": record.to_json(),
        }
    return json.dumps(body, separators=(",", ":")).encode()


def record_of(body: object, sender: str) -> Record:
    """The record in a telemetry body that the hub says `sender` has sent; FieldError says what is wrong."""
    fields = Fields(body)
    claimed = fields.text("deviceId", most=63)
    if claimed != sender:
        raise FieldError("deviceId", repr(claimed), f"the sender's own id, {sender}")
    kind = fields.choice("messageType", (SCAN, INCIDENT))
    if kind == INCIDENT:
        fields.object("incident")
        return Incident.from_json(body["incident"] if isinstance(body, dict) else None)
    fields.object("scan")
    return Scan.from_json(body["scan"] if isinstance(body, dict) else None)
