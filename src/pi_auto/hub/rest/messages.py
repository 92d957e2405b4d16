"""`/devices/{id}/messages/devicebound`: messages to a device. Azure itself takes these over AMQP alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

from aiohttp import web

from pi_auto.hub.mailbox import Message
from pi_auto.hub.rest.app import HUB, body_of, device_of
from pi_auto.hub.rest.errors import RefusedError
from pi_auto.wire.times import parse_time

MOST_MESSAGE = 64 * 1024  # bytes; Microsoft, "Send cloud-to-device messages"
_LONGEST = timedelta(days=2)
_PROPERTY = "iothub-app-"


async def send(request: web.Request) -> web.Response:
    """POST: stored when this is answered, and delivered when the device next is there."""
    device = device_of(request)
    body = await body_of(request)
    if len(body) > MOST_MESSAGE:
        raise RefusedError("RequestEntityTooLarge", f"a message of {len(body)} bytes; at most {MOST_MESSAGE}")
    headers = _text_of(request)
    message = Message(
        body=body,
        message_id=headers.get("iothub-messageid") or str(uuid4()),
        correlation_id=headers.get("iothub-correlationid"),
        user_id=headers.get("iothub-userid"),
        properties=_properties(headers),
        expires_at_ms=_expiry(headers.get("iothub-expiry")),
        content_type=headers.get("iothub-contenttype") or headers.get("Content-Type"),
        content_encoding=headers.get("iothub-contentencoding"),
    )
    try:
        await request.app[HUB].mailbox.send(device.device_id, message)
    except ValueError as error:
        raise RefusedError("ArgumentInvalid", str(error)) from None
    return web.Response(status=204)


async def purge(request: web.Request) -> web.Response:
    """DELETE: forget what waits for the device, and say how many messages that were."""
    device_id = device_of(request).device_id
    count = await request.app[HUB].mailbox.purge(device_id)
    return web.json_response({"deviceId": device_id, "moduleId": None, "totalMessagesPurged": count})


def _text_of(request: web.Request) -> Mapping[str, str]:
    """The headers, if all of them are UTF-8. Raises RefusedError."""
    for name, value in request.headers.items():
        if not _is_text(value):
            raise RefusedError("ArgumentInvalid", f"the header {name} is not UTF-8")
    return request.headers


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _properties(headers: Mapping[str, str]) -> dict[str, str | None]:
    named = ((name, value) for name, value in headers.items() if name.lower().startswith(_PROPERTY))
    return {name[len(_PROPERTY) :]: value for name, value in named}


def _expiry(text: str | None) -> int | None:
    """Milliseconds since 1970. Raises RefusedError."""
    if text is None:
        return None
    moment = parse_time(text)
    if moment is None or not 0 < moment.timestamp() - time.time() <= _LONGEST.total_seconds():
        raise RefusedError("ArgumentInvalid", "iothub-expiry is not a time within the next two days")
    return int(moment.timestamp() * 1000)
