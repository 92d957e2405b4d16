"""How devices and twins look in JSON, to the letter of the azure-iot-hub SDK's models; and back.

Pure. What the hub does not keep stands there as Azure writes "never" or "none".
"""

from __future__ import annotations

from typing import Any

from pi_auto.hub.registry import NEVER, Device, Wish
from pi_auto.hub.rest.errors import RefusedError
from pi_auto.hub.twins import Twin

_THUMBPRINTS = {"primaryThumbprint": None, "secondaryThumbprint": None}
Json = dict[str, Any]


def device(known: Device, *, connected: bool) -> Json:
    """A device identity."""
    keys = {"primaryKey": known.primary_key, "secondaryKey": known.secondary_key}
    return {
        "deviceId": known.device_id,
        "generationId": known.generation_id,
        "etag": known.etag,
        "connectionState": _connection(connected),
        "status": _status(known),
        "statusReason": known.status_reason,
        "connectionStateUpdatedTime": NEVER,
        "statusUpdatedTime": known.status_updated_at,
        "lastActivityTime": NEVER,
        "cloudToDeviceMessageCount": 0,
        "authentication": {"symmetricKey": keys, "x509Thumbprint": _THUMBPRINTS, "type": "sas"},
        "capabilities": {"iotEdge": False},
    }


def twin(known: Device, stored: Twin, *, connected: bool) -> Json:
    """A twin."""
    return {
        "deviceId": known.device_id,
        "etag": stored.etag,
        "deviceEtag": known.etag,
        "status": _status(known),
        "statusReason": known.status_reason,
        "statusUpdateTime": known.status_updated_at,
        "connectionState": _connection(connected),
        "lastActivityTime": NEVER,
        "cloudToDeviceMessageCount": 0,
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


def _connection(connected: bool) -> str:
    return "Connected" if connected else "Disconnected"
