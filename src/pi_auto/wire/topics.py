"""MQTT topics of Azure IoT Hub, as devices and hubs write them.

Source: Microsoft, "Communicate with an IoT hub using the MQTT protocol".
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote

API_VERSION = "2021-04-12"
MQTT_TLS_PORT = 8883
WEBSOCKET_PORT = 443
WEBSOCKET_PATH = "/$iothub/websocket"
TWIN_RESPONSES = "$iothub/twin/res/#"
DESIRED_PATCHES = "$iothub/twin/PATCH/properties/desired/#"
METHODS = "$iothub/methods/POST/#"

_TWIN_RESPONSE = re.compile(r"\$iothub/twin/res/([0-9]{1,9})/\?(.*)\Z", re.DOTALL)
_METHOD_CALL = re.compile(r"\$iothub/methods/POST/([^/]{1,300})/\?\$rid=([^&]{1,256})\Z")
_METHOD_ANSWER = re.compile(r"\$iothub/methods/res/(-?[0-9]{1,9})/\?\$rid=([^&]{1,256})\Z")

# Names of the property bag, and what Azure calls the same thing in an event.
SYSTEM_PROPERTIES = {
    "$.mid": "message-id",
    "$.cid": "correlation-id",
    "$.uid": "user-id",
    "$.ct": "content-type",
    "$.ce": "content-encoding",
}


def user_name(host: str, device_id: str) -> str:
    """The MQTT user name of a device."""
    return f"{host}/{device_id}/?api-version={API_VERSION}"


def resource(host: str, device_id: str) -> str:
    """What a device's token is signed for."""
    return f"{host}/devices/{device_id}"


def telemetry(device_id: str, properties: dict[str, str]) -> str:
    """The topic of a telemetry message with its property bag."""
    return f"{telemetry_prefix(device_id)}{encode_properties(properties)}"


def telemetry_prefix(device_id: str) -> str:
    """What every telemetry topic of a device starts with."""
    return f"devices/{device_id}/messages/events/"


def encode_properties(properties: dict[str, str]) -> str:
    """A property bag, URL-encoded as a query string."""
    return "&".join(f"{quote(name, safe='$.')}={quote(value, safe='')}" for name, value in properties.items())


def decode_properties(bag: str) -> dict[str, str]:
    """The properties of a bag; a leading `?` is allowed. Raises ValueError if there are more than 100."""
    return dict(parse_qsl(bag.removeprefix("?"), keep_blank_values=True, max_num_fields=100))


def twin_get(request_id: str) -> str:
    """Where a device asks for its twin."""
    return f"$iothub/twin/GET/?$rid={quote(request_id, safe='')}"


def twin_patch_reported(request_id: str) -> str:
    """Where a device reports properties."""
    return f"$iothub/twin/PATCH/properties/reported/?$rid={quote(request_id, safe='')}"


def twin_response(status: int, request_id: str, version: int | None = None) -> str:
    """Where the hub answers a twin request."""
    suffix = "" if version is None else f"&$version={version}"
    return f"$iothub/twin/res/{status}/?$rid={quote(request_id, safe='')}{suffix}"


def desired_patch(version: int) -> str:
    """Where the hub tells a device of a change of its desired properties."""
    return f"{DESIRED_PATCHES[:-1]}?$version={version}"


def is_desired_patch(topic: str) -> bool:
    """Whether a message tells of such a change."""
    return topic.startswith(DESIRED_PATCHES[:-1])


def parse_twin_response(topic: str) -> tuple[int, str] | None:
    """Status and request id of a hub's answer; nothing if the topic is another."""
    answer = _TWIN_RESPONSE.match(topic)
    if not answer:
        return None
    found = [part[len("$rid=") :] for part in answer[2].split("&") if part.startswith("$rid=")]
    return (int(answer[1]), unquote(found[0])) if found else None


def method_call(name: str, request_id: str) -> str:
    """Where the hub calls a method of a device."""
    return f"{METHODS[:-1]}{quote(name, safe='')}/?$rid={quote(request_id, safe='')}"


def method_answer(status: int, request_id: str) -> str:
    """Where a device answers such a call."""
    return f"$iothub/methods/res/{status}/?$rid={quote(request_id, safe='')}"


def parse_method_call(topic: str) -> tuple[str, str] | None:
    """Name and request id of a hub's call; nothing if the topic is another."""
    found = _METHOD_CALL.match(topic)
    return (unquote(found[1]), unquote(found[2])) if found else None


def parse_method_answer(topic: str) -> tuple[int, str] | None:
    """Status and request id of a device's answer; nothing if the topic is another."""
    found = _METHOD_ANSWER.match(topic)
    return (int(found[1]), unquote(found[2])) if found else None


def devicebound(device_id: str) -> str:
    """What a device subscribes to for cloud-to-device messages."""
    return f"devices/{device_id}/messages/devicebound/#"
