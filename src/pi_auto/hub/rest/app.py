"""The service side as a web application: who may, what may, and which answer an error becomes.

The handlers are in devices.py, twins.py, messages.py and query.py. Every request proves a
policy, names its api-version and is bounded; one that fails unforeseen is answered 500 and logged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from pi_auto.hub.database import BusyError
from pi_auto.hub.etags import StaleError
from pi_auto.hub.mailbox import MailboxFull
from pi_auto.hub.methods import DeviceOffline, MethodTimeout
from pi_auto.hub.patches import RefusedPatchError
from pi_auto.hub.policies import Right
from pi_auto.hub.registry import Device, DeviceExistsError, DeviceMissingError, RefusedKeyError
from pi_auto.hub.rest.errors import RefusedError, response
from pi_auto.hub.rest.guard import guarded
from pi_auto.hub.services import Services
from pi_auto.hub.twins import NoTwinError

HUB = web.AppKey("hub", Services)
MOST_BODY = 1024 * 1024  # bytes
BODY_TIMEOUT = 30  # seconds
_VERSION = re.compile(r"20\d\d-\d\d-\d\d(-preview)?\Z")
_LOGGER = logging.getLogger("pi_auto.hub")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# How an error of the hub's parts is called on the service side.
_NAMES: dict[type[Exception], str] = {
    DeviceExistsError: "DeviceAlreadyExists",
    DeviceMissingError: "DeviceNotFound",
    NoTwinError: "DeviceNotFound",
    StaleError: "PreconditionFailed",
    RefusedPatchError: "ArgumentInvalid",
    RefusedKeyError: "ArgumentInvalid",
    MailboxFull: "DeviceMaximumQueueDepthExceeded",
    DeviceOffline: "DeviceNotOnline",
    MethodTimeout: "GatewayTimeout",
    BusyError: "ThrottlingException",
}


def application(hub: Services) -> web.Application:
    """The application, without routes."""
    app = web.Application(middlewares=[guarded, _answered], client_max_size=MOST_BODY)
    app[HUB] = hub
    return app


def allowed(right: Right, rate: str, handler: Handler) -> Handler:
    """The handler, for those whose policy has the right and while the hub's tier has some of the rate left."""

    async def checked(request: web.Request) -> web.StreamResponse:
        _check_rights(request, right)
        if not _VERSION.match(request.query.get("api-version", "")):
            raise RefusedError("InvalidProtocolVersion", "the query names no api-version such as 2021-04-12")
        if wait := request.app[HUB].throttles.allow(rate):
            raise RefusedError("ThrottlingException", f"the rate of {rate} is exceeded", wait)
        return await handler(request)

    return checked


def device_of(request: web.Request) -> Device:
    """The device that the path names. Raises RefusedError."""
    device_id = request.match_info["id"]
    device = request.app[HUB].registry.find(device_id)
    if device is None:
        raise RefusedError("DeviceNotFound", f"the device {device_id[:128]!r} is not registered")
    return device


async def body_of(request: web.Request) -> bytes:
    """The body, if it comes in time. Raises RefusedError."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.read()
    except TimeoutError:
        raise RefusedError("ArgumentInvalid", f"the body did not come within {BODY_TIMEOUT} s") from None


async def json_of(request: web.Request) -> Any:
    """The body as JSON. Raises RefusedError."""
    body = await body_of(request)
    try:
        found = json.loads(body)
        text = json.dumps(
            found, ensure_ascii=False, allow_nan=False
        )  # Python reads NaN and 1e999, JSON has neither
        if b"\\u" in body:  # half of a surrogate pair can be written so, and nowhere be stored
            text.encode()
    except (ValueError, RecursionError):
        raise RefusedError("ArgumentInvalid", "the body is not JSON in UTF-8") from None
    return found


async def object_of(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises RefusedError."""
    body = await json_of(request)
    if not isinstance(body, dict):
        raise RefusedError("ArgumentInvalid", "the body is not a JSON object")
    return body


def refusal(error: Exception) -> RefusedError:
    """What the service side calls an error of the hub's parts; what it does not know is logged."""
    if isinstance(error, RefusedError):
        return error
    for kind, name in _NAMES.items():
        if isinstance(error, kind):
            return RefusedError(name, str(error) or name)
    if not isinstance(error, sqlite3.Error):  # the database has said what is wrong with it
        _LOGGER.error("a request to the service side failed", exc_info=error)
    return RefusedError("ServerError", "the hub could not do it; try again")


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        return response(RefusedError("RequestEntityTooLarge", f"a body of more than {MOST_BODY} bytes"))
    except web.HTTPMethodNotAllowed:
        return response(RefusedError("MethodNotAllowed", f"{request.method} is not for this path"))
    except web.HTTPException as error:
        if error.status != 404:
            raise
        return response(RefusedError("NotFound", "there is nothing at this path"))
    except ConnectionError:
        return web.Response()  # nobody hears it: whoever asked has gone, which is no fault of ours
    except Exception as error:  # noqa: BLE001 - a failing request is its own answer, not the hub's end
        return response(refusal(error))


def _check_rights(request: web.Request, right: Right) -> None:
    hub = request.app[HUB]
    given = request.headers.get("Authorization", "")
    rights = hub.policies.rights(given, hub.host, request.path, time.time())
    if right not in rights:
        hub.complaints.say("the service side", f"a request without the right {right.value}")
        raise RefusedError("IotHubUnauthorizedAccess", f"Unauthorized: the right {right.value} is needed")
