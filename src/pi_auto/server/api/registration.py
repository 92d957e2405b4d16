"""POST /api/register_device, in the legacy contract's shape: exactly 200 and this body, or an error.

Order matters. The hub is asked first, since it may be away and the answer must never be half
of one; the books decide last, alone, in the writer's transaction.
"""

from __future__ import annotations

import logging

from flask import Response, request

from pi_auto.server.api.answers import respond
from pi_auto.server.api.bodies import json_body
from pi_auto.server.api.enrolment import reachable, register_signed
from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.writing import committed
from pi_auto.server.context import Context, current
from pi_auto.server.fleet.claims import Decision
from pi_auto.server.fleet.registering import Registered, foresee, register
from pi_auto.server.legacy.messages import refuse_reserved
from pi_auto.server.links.base import HubAccess
from pi_auto.wire.registration import Registration, RegistrationAnswer
from pi_auto.wire.signed import is_signed

_log = logging.getLogger(__name__)

_MESSAGES = {
    Decision.ENROL: "device registered",
    Decision.ADOPT: "device registered",
    Decision.RENEW: "device known; it has a new token, and the one before stays good",
    Decision.KNOWN: "device known, registered without a claim: its connection string and token were given then,"
    " and are given once only",
}


def register_device() -> Response:
    """Take a device in, or welcome it back."""
    context, told = current(), json_body(request)
    if is_signed(told):
        return register_signed(context, told)
    if context.fleet:
        raise ApiError(
            403,
            "this fleet takes in devices that sign their registration with a key of their own; this one did not:"
            " install the client of this server's version. Old clients have the port without TLS (legacy mode)",
        )
    registration = Registration.from_json(told)
    refuse_reserved(registration.device_id)
    with context.store.engine.connect() as connection:
        foreseen = foresee(connection, registration)
    _refuse(foreseen, registration)
    access = _put_at_hub(context, foreseen, registration.device_id)
    registered = committed(context, lambda books: register(books, registration, context.clock()))
    _refuse(registered.decision, registration)
    _log.info("register: device=%s %s", registration.device_id, registered.decision.name.lower())
    return respond(_answer(context, registration.device_id, registered, access).to_json())


def _refuse(decision: Decision, registration: Registration) -> None:
    if decision is not Decision.REFUSE:
        return
    shown = "another claim" if registration.claim else "no claim"
    _log.warning(
        "register refused: device=%s showed %s, from %s", registration.device_id, shown, request.remote_addr
    )
    raise ApiError(
        409,
        f"device {registration.device_id} is registered already, and this request shows {shown}; only the device"
        " that registered first can register again. If this is that device with a new card, remove it first",
    )


def _put_at_hub(context: Context, decision: Decision, device_id: str) -> HubAccess | None:
    if context.link is None or decision is Decision.KNOWN:
        return None
    return context.link.put_device(device_id)


def _answer(
    context: Context, device_id: str, registered: Registered, access: HubAccess | None
) -> RegistrationAnswer:
    given = access if registered.token else None
    return RegistrationAnswer(
        device_id=device_id,
        registration_date=registered.registered_at or context.clock(),
        connection_string=str(given.connection_string) if given else None,
        server_url=context.settings.public_url or request.url_root.rstrip("/"),
        message=_MESSAGES[registered.decision],
        api_token=registered.token,
        hub=reachable(given.dial) if given and given.dial else None,
        update_interval=context.settings.update_interval,
        heartbeat_interval=context.settings.heartbeat_interval,
    )
