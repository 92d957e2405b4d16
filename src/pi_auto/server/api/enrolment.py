"""What a device with a key asks: a nonce, to be taken in, its next token, a proof of the fleet.

Signatures are checked here, outside of the books' one line of writers; the books then decide
alone, in one transaction. The hub is asked before them, since it may be away and the answer must
never be half of one.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from dataclasses import replace
from typing import Any

from flask import Response, request
from sqlalchemy.exc import IntegrityError

from pi_auto.server.api.answers import respond
from pi_auto.server.api.bodies import discard_body, json_body
from pi_auto.server.api.errors import ApiError, Crowded
from pi_auto.server.api.writing import committed
from pi_auto.server.context import Context, current
from pi_auto.server.enrolment import nonces, taking_in, tokens
from pi_auto.server.enrolment.facts import identity_of_serial
from pi_auto.server.enrolment.limits import Limiter
from pi_auto.server.enrolment.renewing import key_of, renew
from pi_auto.server.enrolment.rules import Grant
from pi_auto.server.enrolment.saying import refusal, waiting
from pi_auto.server.enrolment.wishes import is_to_be_absent
from pi_auto.server.legacy.messages import refuse_reserved
from pi_auto.server.links.base import HubAccess, HubUnavailable
from pi_auto.server.releases.shelf import root_text
from pi_auto.server.trust.addresses import own_addresses
from pi_auto.server.trust.fleet import Fleet
from pi_auto.server.trust.signatures import is_signed_by
from pi_auto.wire.enrolment import Enrolment, Nonce, Renewal, Token
from pi_auto.wire.fleet_card import server_name
from pi_auto.wire.fleet_proof import ProofRequest
from pi_auto.wire.keys import PublicKey
from pi_auto.wire.registration import HubDial, RegistrationAnswer
from pi_auto.wire.server_address import is_host
from pi_auto.wire.signed import ENROLMENT, RENEWAL, Signed
from pi_auto.wire.verdicts import Refused, Refusing, Waiting

_log = logging.getLogger(__name__)
_limiter = Limiter(60, 60.0, time.monotonic)  # wrong signatures and nonces of one address a minute
_guesses = Limiter(10, 60.0, time.monotonic)  # wrong secrets, codes and batch tokens of one address a minute
_devices = Limiter(60, 600.0, time.monotonic, key=str)  # good signatures of one key in ten minutes
_STATUS = {Refusing.CROWDED: 429, Refusing.FULL: 503}


def nonce() -> Response:
    """A nonce for the next signature."""
    context = current()
    discard_body(request)
    made = _fleet(context).nonces.make(context.clock())
    return respond(Nonce(made, int(nonces.LASTS.total_seconds())).to_json())


def fleet_proof() -> Response:
    """The fleet's signature over the device's nonce, and the time."""
    context = current()
    asked = ProofRequest.from_json(json_body(request))
    return respond(_fleet(context).prove(asked.nonce, context.clock()).to_json())


def fleet_card() -> Response:
    """The fleet's card: public, and worth nothing to a device that has no other means to know that it is right."""
    context = current()
    card = _fleet(context).card(own_addresses(context.settings), update_root=root_text(context.settings.data))
    return respond(card.to_json())


def register_signed(context: Context, told: object) -> Response:
    """Take a device in, welcome it back, let it wait or refuse it."""
    fleet, address = _fleet(context), request.remote_addr or ""
    signed = Signed.from_json(told, ENROLMENT)
    asked = Enrolment.from_json(signed.content())
    refuse_reserved(asked.device_id)
    if reason := _wrong(context, fleet, asked, asked.key, signed, address):
        return _refuse(reason, asked.device_id, address)
    if (asked.secret or asked.batch_token) and (wait := _guesses.wait(address)):
        return _refuse(Refusing.CROWDED, asked.device_id, address, wait)
    access = _put_at_hub(context, asked)
    at_hub = access is not None
    try:
        outcome = committed(
            context, lambda books: taking_in.take_in(books, asked, address, context.clock(), at_hub=at_hub)
        )
    except IntegrityError as error:  # another server of this fleet wrote the same row first: the next try sees it
        raise Crowded("this device is being taken in already") from error
    if outcome.guessed:
        _guesses.failed(address)
    _log.info("enrol: device=%s %s", asked.device_id, outcome.verdict.value)
    if isinstance(outcome.verdict, Refusing):
        return _refuse(outcome.verdict, asked.device_id, address)
    if isinstance(outcome.verdict, Waiting):
        return respond(waiting(asked.device_id, outcome.verdict).to_json(), 202)
    return respond(_answer(context, asked, outcome, access).to_json())


def renew_token() -> Response:
    """A device's next token."""
    context, address = current(), request.remote_addr or ""
    fleet = _fleet(context)
    signed = Signed.from_json(json_body(request), RENEWAL)
    asked = Renewal.from_json(signed.content())
    with context.store.engine.connect() as connection:
        key = key_of(connection, asked.device_id)
    if key is None:
        return _refuse(Refusing.UNKNOWN, asked.device_id, address)
    if reason := _wrong(context, fleet, asked, key, signed, address):
        return _refuse(reason, asked.device_id, address)
    answer = committed(context, lambda books: renew(books, asked, key, address, context.clock()))
    if isinstance(answer, Refusing):
        return _refuse(answer, asked.device_id, address)
    return respond(Token(answer, int(tokens.LASTS.total_seconds())).to_json())


def reachable(dial: HubDial) -> HubDial:
    """A hub that listens on every address is reached where the caller has just reached us.

    A Host that is no host, or the fleet's name, which no resolver knows, says nothing: the server's own name does.
    """
    if not ipaddress.ip_address(dial.address).is_unspecified:
        return dial
    host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
    host = host.strip("[]")
    context = current()
    if is_host(host) and not (context.fleet and host.lower() == server_name(context.fleet.fleet_id)):
        return replace(dial, address=host)
    return replace(dial, address=next(iter(context.settings.names), dial.address))


def _fleet(context: Context) -> Fleet:
    if context.fleet is None:
        raise ApiError(404, "this server has no fleet of its own; it is started with --trust off")
    return context.fleet


def _wrong(
    context: Context, fleet: Fleet, asked: Enrolment | Renewal, key: PublicKey, signed: Signed, address: str
) -> Refusing | None:
    """Why the request is refused before the books are asked.

    What counts against a device counts after its signature was found good: nobody else uses up its share.
    """
    if _limiter.wait(address):
        return Refusing.CROWDED
    reason = None
    if not is_signed_by(key, signed):
        reason = Refusing.SIGNATURE
    elif asked.fleet_id != fleet.fleet_id:
        reason = Refusing.FLEET
    elif not fleet.nonces.is_good(asked.nonce, context.clock()):
        reason = Refusing.NONCE
    if reason:
        _limiter.failed(address)
        return reason
    if _devices.wait(key.fingerprint):
        return Refusing.CROWDED
    _devices.failed(key.fingerprint)
    return None


def _refuse(reason: Refusing, device_id: str, address: str, wait: float = 0) -> Response:
    _log.warning("enrol refused: device=%s %s, from %s", device_id, reason.value, address)
    said: Refused = refusal(reason)
    if wait := max(wait, _limiter.wait(address)):
        said = replace(said, retry_after=max(said.retry_after, math.ceil(wait)))
    response = respond(said.to_json(), _STATUS.get(reason, 403))
    response.headers["Retry-After"] = str(said.retry_after)
    return response


def _put_at_hub(context: Context, asked: Enrolment) -> HubAccess | None:
    """The device's way into the hub, where it is going to be taken in. A new key gets a new one."""
    if context.link is None:
        return None
    with context.store.engine.connect() as connection:
        verdict = taking_in.foresee(connection, asked, context.clock())
        known = identity_of_serial(connection, asked.serial)
        if is_to_be_absent(connection, asked.device_id):
            raise HubUnavailable(f"the hub has still to forget the {asked.device_id} of before")
    if not isinstance(verdict, Grant):
        return None
    access = context.link.put_device(asked.device_id)
    if known is None or known.fingerprint == asked.key.fingerprint:
        return access
    context.link.rotate_keys(asked.device_id)  # what was the primary key is the secondary now
    return context.link.rotate_keys(asked.device_id)  # and now it is neither


def _answer(context: Context, asked: Enrolment, outcome: Any, access: HubAccess | None) -> RegistrationAnswer:
    return RegistrationAnswer(
        device_id=asked.device_id,
        registration_date=outcome.registered_at or context.clock(),
        connection_string=str(access.connection_string) if access else None,
        server_url=context.settings.public_url or request.url_root.rstrip("/"),
        message="device enrolled",
        api_token=outcome.token,
        hub=reachable(access.dial) if access and access.dial else None,
        update_interval=context.settings.update_interval,
        heartbeat_interval=context.settings.heartbeat_interval,
        token_expires_in=int(tokens.LASTS.total_seconds()),
    )
