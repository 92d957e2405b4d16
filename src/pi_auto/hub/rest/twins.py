"""`/twins`: the twins' tags and desired properties, and the methods of devices."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pi_auto.hub.patches import as_bytes, parse_patch
from pi_auto.hub.rest import shapes
from pi_auto.hub.rest.app import HUB, device_of, object_of
from pi_auto.hub.rest.errors import RefusedError
from pi_auto.hub.rest.standing import standing
from pi_auto.hub.twin_changes import change
from pi_auto.hub.twins import Change, Twin
from pi_auto.wire.twin import Section

MOST_METHOD_NAME = 100
_SYSTEM = ("$version", "$metadata")  # a twin that was read may be sent back


async def read(request: web.Request) -> web.Response:
    """GET `/twins/{id}`."""
    hub, device = request.app[HUB], device_of(request)
    return await _answer(request, await hub.twins.view(device.device_id))


async def patch(request: web.Request) -> web.Response:
    """PATCH `/twins/{id}`: merge tags and desired properties; null deletes."""
    return await _change(request, whole=False)


async def replace(request: web.Request) -> web.Response:
    """PUT `/twins/{id}`: replace tags and desired properties; what is not there is kept."""
    return await _change(request, whole=True)


async def call_method(request: web.Request) -> web.Response:
    """POST `/twins/{id}/methods`: call a method of a connected device and wait for its answer."""
    hub, device = request.app[HUB], device_of(request)
    body = await object_of(request)
    name = body.get("methodName")
    if not isinstance(name, str) or not 1 <= len(name) <= MOST_METHOD_NAME:
        raise RefusedError("ArgumentInvalid", f"methodName is not a string of 1 to {MOST_METHOD_NAME} characters")
    response_timeout = _seconds(body, "responseTimeoutInSeconds", 5, 30)
    connect_timeout = _seconds(body, "connectTimeoutInSeconds", 0, 0)
    try:
        result = await hub.methods.call(
            device.device_id, name, body.get("payload"), response_timeout=response_timeout,
            connect_timeout=connect_timeout,
        )  # fmt: skip
    except ValueError as error:
        raise RefusedError("ArgumentInvalid", str(error)) from None
    return web.json_response({"status": result.status, "payload": result.payload})


def _seconds(body: dict[str, Any], name: str, least: int, default: int) -> float:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 300:
        raise RefusedError("ArgumentInvalid", f"{name} is not a whole number of seconds from {least} to 300")
    return value


async def _change(request: web.Request, *, whole: bool) -> web.Response:
    hub, device_id = request.app[HUB], device_of(request).device_id
    body = await object_of(request)
    properties = body.get("properties") or {}
    if not isinstance(properties, dict):
        raise RefusedError("ArgumentInvalid", "properties is not a JSON object")
    wanted = Change(_section(body, "tags"), _section(properties, "desired"), whole)
    return await _answer(request, await change(hub, device_id, wanted, request.headers.get("If-Match")))


def _section(body: dict[str, Any], name: str) -> Section | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise RefusedError("ArgumentInvalid", f"{name} is not a JSON object")
    return parse_patch(as_bytes({key: inner for key, inner in value.items() if key not in _SYSTEM}))


async def _answer(request: web.Request, twin: Twin) -> web.Response:
    hub, device = request.app[HUB], device_of(request)
    shape = shapes.twin(device, twin, await standing(hub, device.device_id))
    return web.json_response(shape, headers={"ETag": f'"{twin.etag}"'})
