"""The guide's update endpoints: /api/ota/check_update and update_status. What is fetched is in api/releases.py.

Nobody is offered a release yet; what devices tell of their updates is kept.
"""

from __future__ import annotations

from flask import Response, request
from sqlalchemy import Connection, insert

from pi_auto.server.api.answers import respond
from pi_auto.server.api.auth import authenticate_if_shown
from pi_auto.server.api.bodies import json_body
from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.parameters import Parameters
from pi_auto.server.api.writing import committed
from pi_auto.server.context import current
from pi_auto.server.fleet.queries import find_device
from pi_auto.server.releases.tables import update_reports
from pi_auto.server.scans.booking import note_contact
from pi_auto.wire.update import NoUpdate, UpdateStatus


def check_update() -> Response:
    """Whether this device should take a release now."""
    context = current()
    parameters = Parameters(request.args, ("device_id", "current_version"))
    device_id = parameters.required("device_id", most=63)
    version = parameters.required("current_version", most=64)
    if authenticate_if_shown(context, request.headers.get("Authorization"), device_id):
        committed(context, lambda books: note_contact(books, device_id, context.clock()))
    return respond(NoUpdate(version, "no update is available").to_json())


def update_status() -> Response:
    """Keep how an update goes."""
    context = current()
    status = UpdateStatus.from_json(json_body(request))
    caller = authenticate_if_shown(context, request.headers.get("Authorization"), status.device_id)
    now = context.clock()

    def report(books: Connection) -> bool:
        device = find_device(books, status.device_id)
        if device is None or device.device_id != status.device_id:
            return False
        row = {
            "device_id": status.device_id,
            "version": status.version,
            "status": status.status,
            "said_at": status.timestamp,
            "received_at": now,
        }
        books.execute(insert(update_reports).values(row))
        if caller:
            note_contact(books, caller, now)
        return True

    if not committed(context, report):
        raise ApiError(404, f"no device has the id {status.device_id!r}")
    return respond({"status": "received", "message": f"update status of {status.device_id} kept"})
