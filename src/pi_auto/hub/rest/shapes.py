"""How devices and twins look in JSON, to the letter of the azure-iot-hub SDK's models; and back.

Pure. What has never been and what the hub does not know stand there as Azure writes them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pi_auto.hub.registry import NEVER, Device, Wish
from pi_auto.hub.rest.errors import RefusedError
from pi_auto.hub.rest.standing import Standing
from pi_auto.hub.twins import Twin
from pi_auto.wire.times import format_time

_THUMBPRINTS = {"primaryThumbprint": None, "secondaryThumbprint": None}
Json = dict[str, Any]


def device(known: Device, stands: Standing) -> Json:
    """A device identity."""
    keys = {"primaryKey": known.primary_key, "secondaryKey": known.secondary_key}
    return {
        "deviceId": known.device_id,
        "generationId": known.generation_id,
        "etag": known.etag,
        "connectionState": _connection(stands),
        "status": _status(known),
        "statusReason": known.status_reason,
        "connectionStateUpdatedTime": _moment(stands.presence.changed_ms),
        "statusUpdatedTime": known.status_updated_at,
        "lastActivityTime": _moment(stands.presence.active_ms),
        "cloudToDeviceMessageCount": stands.messages,
        "authentication": {"symmetricKey": keys, "x509Thumbprint": _THUMBPRINTS, "type": "sas"},
        "capabilities": {"iotEdge": False},
    }


def twin(known: Device, stored: Twin, stands: Standing) -> Json:
    """A twin."""
    return {
        "deviceId": known.device_id,
        "etag": stored.etag,
        "deviceEtag": known.etag,
        "status": _status(known),
        "statusReason": known.status_reason,
        "statusUpdateTime": known.status_updated_at,
        "connectionState": _connection(stands),
        "lastActivityTime": _moment(stands.presence.active_ms),
        "cloudToDeviceMessageCount": stands.messages,
        "authenticationType": "sas",
        "x509Thumbprint": _THUMBPRINTS,
        "modelId": "",
        "version": stored.version,
        "tags": stored.tags,
        "properties": {"desired": stored.desired, "reported": stored.reported},
        "capabilities": {"iotEdge": False},
    }


def wish(body: Json) -> Wish:
    """What a device is to be, out of a device identity. Raises RefusedError."""
    authentication = _object(body, "authentication")
    kind = authentication.get("type") or "sas"
    if kind != "sas":
        raise RefusedError("ArgumentInvalid", f"authentication.type is {kind!r}; this hub knows sas alone")
    status = body.get("status") or "enabled"
    if status not in ("enabled", "disabled"):
        raise RefusedError("ArgumentInvalid", f"status is {status!r}; allowed: enabled, disabled")
    keys = _object(authentication, "symmetricKey")
    return Wish(
        _text(keys, "primaryKey", 128), _text(keys, "secondaryKey", 128), status == "enabled",
        _text(body, "statusReason", 128),
    )  # fmt: skip


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RefusedError("ArgumentInvalid", f"{name} is not a JSON object")
    return value


def _text(body: Json, name: str, most: int) -> str | None:
    value = body.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > most:
        raise RefusedError("ArgumentInvalid", f"{name} is not a string of at most {most} characters")
    return value


def _status(known: Device) -> str:
    return "enabled" if known.enabled else "disabled"


def _connection(stands: Standing) -> str:
    return "Connected" if stands.presence.connected else "Disconnected"


def _moment(milliseconds: int) -> str:
    return format_time(datetime.fromtimestamp(milliseconds / 1000, UTC)) if milliseconds else NEVER
