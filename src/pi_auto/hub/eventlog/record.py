"""An event as the log stores it: what the device sent, untouched, so that nothing is decoded before it is safe.

A record becomes the server's Event when it is read, away from the path that devices wait on.
"""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from datetime import UTC, datetime
from typing import NamedTuple

from pi_auto.wire import hublink, topics
from pi_auto.wire.times import format_time

_HEAD = struct.Struct("<BBQHH")  # kind, retain, enqueued (ms since 1970), length of device id, of property bag
_CODES = {kind: code for code, kind in enumerate(hublink.EVENT_TYPES, start=1)}
_KINDS = {code: kind for kind, code in _CODES.items()}


class Record(NamedTuple):
    """What happened (a word of hublink.EVENT_TYPES), to which device, when (ms since 1970), with what."""

    kind: str
    device_id: str
    enqueued_ms: int
    bag: str = ""
    body: bytes = b""
    retain: bool = False


def encode(record: Record) -> bytes:
    """The record as the log keeps it. Device id and bag must be below 64 KB each, as MQTT's strings are."""
    device, bag = record.device_id.encode(), record.bag.encode()
    head = _HEAD.pack(_CODES[record.kind], record.retain, record.enqueued_ms, len(device), len(bag))
    return b"".join((head, device, bag, record.body))


def decode(stored: bytes) -> Record:
    """What `encode` was given. Raises ValueError if it was something else."""
    try:
        code, retain, enqueued_ms, device, bag = _HEAD.unpack_from(stored)
        kind = _KINDS[code]
    except (struct.error, KeyError):
        raise ValueError("not a record of this log") from None
    middle = _HEAD.size + device
    end = middle + bag
    return Record(
        kind, stored[_HEAD.size : middle].decode(), enqueued_ms, stored[middle:end].decode(), stored[end:],
        bool(retain),
    )  # fmt: skip


def kind_of(stored: bytes) -> str | None:
    """What happened, without reading further."""
    return _KINDS.get(stored[0]) if stored else None


def to_event(sequence_number: int, record: Record) -> hublink.Event:
    """The event that the server reads."""
    system, properties = _split(record)
    return hublink.Event(
        sequence_number=sequence_number,
        type=record.kind,
        device_id=record.device_id,
        enqueued_at=format_time(datetime.fromtimestamp(record.enqueued_ms / 1000, UTC)),
        system_properties=system,
        properties=properties,
        body=_body(record),
    )


def _split(record: Record) -> tuple[dict[str, str], dict[str, str]]:
    """System properties by Azure's names, and the sender's own ones."""
    system: dict[str, str] = {}
    own: dict[str, str] = {}
    for name, value in topics.decode_properties(record.bag).items():
        if name in topics.SYSTEM_PROPERTIES:
            system[topics.SYSTEM_PROPERTIES[name]] = value
        else:
            own[name] = value
    return system, own | ({"mqtt-retain": "true"} if record.retain else {})  # IoT Hub: RETAIN is a property


def _body(record: Record) -> object:
    if record.kind == hublink.TELEMETRY:
        return b64encode(record.body).decode()
    return json.loads(record.body) if record.body else None
