"""The guide's update endpoints: /api/ota/check_update and update_status. What is fetched is in api/releases.py.

Whether a device takes a release now is decided by the roll-outs; what it tells of its update is kept there.
"""

from __future__ import annotations

from dataclasses import replace

from flask import Response, request
from sqlalchemy import Connection

from pi_auto.server.api.answers import respond
from pi_auto.server.api.auth import authenticate_if_shown
from pi_auto.server.api.bodies import json_body
from pi_auto.server.api.calling import Sign, note_call
from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.parameters import Parameters
from pi_auto.server.api.writing import committed
from pi_auto.server.context import current
from pi_auto.server.fleet.queries import find_device
from pi_auto.server.releases.listing import authority_of
from pi_auto.server.releases.shelf import Shelf
from pi_auto.server.rollouts.booking import ask, tell
from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.release import VERSION
from pi_auto.wire.update import NoUpdate, Offer, UpdateStatus


def check_update() -> Response:
    """Whether this device should take a release now, and which authority the fleet has signed."""
    context = current()
    parameters = Parameters(request.args, ("device_id", "current_version"))
    device_id = parameters.required("device_id", most=63)
    version = parameters.required("current_version", most=64)
    if not authenticate_if_shown(context, request.headers.get("Authorization"), device_id):
        return respond(NoUpdate(version, "no update is available").to_json())
    if not VERSION.match(version):
        raise FieldError("current_version", shown(version), "a version such as 2.0.1")
    now, sign = context.clock(), Sign.of(device_id, request)

    def answer(books: Connection) -> NoUpdate | Offer:
        note_call(books, sign, now)
        return ask(books, device_id, version, now)

    signed = authority_of(Shelf(context.settings.data))
    return respond(replace(committed(context, answer), authority=signed.sha256 if signed else None).to_json())


def update_status() -> Response:
    """Keep how an update goes."""
    context = current()
    status = UpdateStatus.from_json(json_body(request))
    caller = authenticate_if_shown(context, request.headers.get("Authorization"), status.device_id)
    now, sign = context.clock(), Sign.of(caller, request) if caller else None

    def report(books: Connection) -> bool:
        device = find_device(books, status.device_id)
        if device is None or device.device_id != status.device_id:
            return False
        tell(books, status, now, proven=caller is not None)
        if sign:
            note_call(books, sign, now)
        return True

    if not committed(context, report):
        raise ApiError(404, f"no device has the id {status.device_id!r}")
    return respond({"status": "received", "message": f"update status of {status.device_id} kept"})
