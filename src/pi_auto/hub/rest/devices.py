"""`/devices`: the registry, one device at a time or many, and how many there are."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from pi_auto.hub.devices import remove, update
from pi_auto.hub.etags import ANY
from pi_auto.hub.registry import Device
from pi_auto.hub.rest import shapes
from pi_auto.hub.rest.app import HUB, device_of, json_of, object_of, refusal
from pi_auto.hub.rest.errors import CODES, RefusedError
from pi_auto.hub.rest.standing import standing, standings
from pi_auto.hub.services import Services

MOST_LISTED = 1000
MOST_BULK = 100  # devices in one request; Microsoft, "Bulk registry operations"
# Microsoft, "Device identity properties": ASCII letters, digits and these marks.
_ID = re.compile(r"[A-Za-z0-9\-:.+%_#*?!(),=@$']{1,128}\Z")


async def read(request: web.Request) -> web.Response:
    """GET `/devices/{id}`."""
    return await _answer(request.app[HUB], device_of(request))


async def put(request: web.Request) -> web.Response:
    """PUT `/devices/{id}`: create it, or with If-Match change the one that is there."""
    hub, device_id = request.app[HUB], _checked_id(request.match_info["id"])
    body = await object_of(request)
    if body.get("deviceId") != device_id:
        raise RefusedError("ArgumentInvalid", "deviceId in the body is not the one in the path")
    if_match = request.headers.get("If-Match")
    if if_match is None:
        return await _answer(hub, await hub.registry.create(device_id, shapes.wish(body)))
    return await _answer(hub, await update(hub, device_id, shapes.wish(body), if_match))


async def delete(request: web.Request) -> web.Response:
    """DELETE `/devices/{id}`; the condition If-Match is required, as at Azure."""
    if_match = request.headers.get("If-Match")
    if if_match is None:
        raise RefusedError("PreconditionFailed", "If-Match is missing")
    await remove(request.app[HUB], request.match_info["id"], if_match)
    return web.Response(status=204)


async def list_(request: web.Request) -> web.Response:
    """GET `/devices?top=N`: the first ones by id."""
    hub, top = request.app[HUB], request.query.get("top", str(MOST_LISTED))
    if not (top.isascii() and top.isdigit() and 1 <= int(top[:9]) <= MOST_LISTED):
        raise RefusedError("ArgumentInvalid", f"top is {top[:20]!r}; allowed: 1 to {MOST_LISTED}")
    devices = list(hub.registry)[: int(top[:9])]
    stand = await standings(hub, [device.device_id for device in devices])
    return web.json_response([shapes.device(*each) for each in zip(devices, stand, strict=True)])


async def bulk(request: web.Request) -> web.Response:
    """POST `/devices`: create, update and delete up to a hundred; each succeeds or fails for itself."""
    items = await json_of(request)
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_BULK:
        raise RefusedError("ArgumentInvalid", f"the body is not a list of 1 to {MOST_BULK} devices")
    errors = [error for item in items if (error := await _tried(request.app[HUB], item))]
    body = {"isSuccessful": not errors, "errors": errors, "warnings": []}
    return web.json_response(body, status=400 if errors else 200)


async def statistics(request: web.Request) -> web.Response:
    """GET `/statistics/devices`."""
    registry = request.app[HUB].registry
    enabled = sum(device.enabled for device in registry)
    return web.json_response({
        "totalDeviceCount": len(registry), "enabledDeviceCount": enabled,
        "disabledDeviceCount": len(registry) - enabled,
    })  # fmt: skip


async def service_statistics(request: web.Request) -> web.Response:
    """GET `/statistics/service`."""
    return web.json_response({"connectedDeviceCount": len(request.app[HUB].switchboard)})


async def _tried(hub: Services, item: Any) -> dict[str, Any] | None:
    """Do one of many; what went wrong with it."""
    device_id = item.get("id") if isinstance(item, dict) else None
    try:
        await _do(hub, item, _checked_id(device_id))
    except Exception as error:  # noqa: BLE001 - one's failure is its own, not its neighbours'
        refused = refusal(error)
        return {"deviceId": device_id, "errorCode": refused.code, "errorStatus": refused.sentence,
                "status": CODES[refused.code]}  # fmt: skip
    return None


async def _do(hub: Services, item: dict[str, Any], device_id: str) -> None:
    mode = str(item.get("importMode") or "create")
    if_match = str(item.get("eTag")) if mode.lower().endswith("ifmatchetag") else ANY
    match mode.lower():
        case "create":
            await hub.registry.create(device_id, shapes.wish(item))
        case "update" | "updateifmatchetag":
            await update(hub, device_id, shapes.wish(item), if_match)
        case "delete" | "deleteifmatchetag":
            await remove(hub, device_id, if_match)
        case _:
            raise RefusedError("ArgumentInvalid", f"importMode is {mode[:40]!r}; allowed: create, update, delete")


def _checked_id(device_id: object) -> str:
    if not isinstance(device_id, str) or not _ID.match(device_id):
        raise RefusedError("ArgumentInvalid", "a device id has 1 to 128 ASCII letters, digits, -:.+%_#*?!(),=@$'")
    return device_id


async def _answer(hub: Services, device: Device) -> web.Response:
    shape = shapes.device(device, await standing(hub, device.device_id))
    return web.json_response(shape, headers={"ETag": f'"{device.etag}"'})
