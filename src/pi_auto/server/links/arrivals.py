"""What Azure's Event Hubs hands over, as an event of the hub: plain values in, an Event or a FieldError out.

IoT Hub routes three sources to its built-in endpoint: a device's telemetry, changes of its
twin, and its connecting and disconnecting. Others are nothing to us. Pure.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED, TELEMETRY, TWIN_CHANGE, Event

_DEVICE, _SOURCE = "iothub-connection-device-id", "iothub-message-source"
_NAMES = ("message-id", "correlation-id", "content-type", "content-encoding", "user-id")
_STATES = {"deviceConnected": CONNECTED, "deviceDisconnected": DISCONNECTED}
_MOST_TEXT = 4096


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event of a partition as azure-eventhub gives it; names and values of both maps may be bytes or text."""

    sequence_number: int
    offset: str
    enqueued_at: str
    system_properties: Mapping[Any, Any]
    properties: Mapping[Any, Any]
    body: bytes


def event_of(delivery: Delivery) -> Event | None:
    """The event; nothing for a source that is nothing to us. Raises FieldError for one that cannot be read."""
    system, own = texts(delivery.system_properties.items()), texts(delivery.properties.items())
    body: Any
    source = system.get(_SOURCE, "Telemetry")
    if source == "Telemetry":
        kind, body = TELEMETRY, b64encode(delivery.body).decode()
    elif source == "twinChangeEvents":
        kind, body = TWIN_CHANGE, _json(delivery.body)
    elif source == "deviceConnectionStateEvents":
        kind, body = _state(own), _json(delivery.body)
    else:
        return None
    named = {name: system[name] for name in _NAMES if name in system}
    return Event(
        delivery.sequence_number, kind, device_of(delivery), delivery.enqueued_at, named, own, body
    )  # fmt: skip


def device_of(delivery: Delivery) -> str:
    """The device's id, empty where none is named: telemetry has it from the hub, other events in their own."""
    system, own = texts(delivery.system_properties.items()), texts(delivery.properties.items())
    return system.get(_DEVICE) or own.get("deviceId") or ""


def texts(pairs: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """Names and values as text, whatever they were."""
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text[:_MOST_TEXT]


def _state(own: Mapping[str, str]) -> str:
    operation = own.get("opType", "")
    if operation not in _STATES:
        raise FieldError("opType", shown(operation), " or ".join(_STATES))
    return _STATES[operation]


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise FieldError("body", f"{len(body)} bytes", "a JSON object in UTF-8")
    return value
