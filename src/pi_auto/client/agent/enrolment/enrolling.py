"""A device with a key of its own asks its fleet to be taken in, and for its next token.

What is signed holds a nonce that the server has just given, so nothing of it can be used
again; a nonce that ran out on the way is asked for once more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.device_key import DeviceKey
from pi_auto.client.agent.enrolment.invitation import Invitation
from pi_auto.client.agent.enrolment.remedies import words_for
from pi_auto.client.agent.errors import Deferred, Garbled, NotEnrolled, Refused
from pi_auto.client.clock import boot_id
from pi_auto.version import __version__
from pi_auto.wire.enrolment import Enrolment, Nonce, Renewal, Token
from pi_auto.wire.errors import FieldError
from pi_auto.wire.registration import Registration, RegistrationAnswer
from pi_auto.wire.signed import ENROLMENT, RENEWAL
from pi_auto.wire.verdicts import Pending, Refusing, Waiting
from pi_auto.wire.verdicts import Refused as Verdict

_Message = TypeVar("_Message")
_Signed = Callable[[str], dict[str, Any]]  # a message over a nonce, in its envelope


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who asks: the ids are public, the key is what proves them.

    `claim` proves an id that it had from the same server before there were keys.
    """

    fleet_id: str
    device_id: str
    serial: str
    key: DeviceKey
    claim: str | None = field(default=None, repr=False)


def enrol(
    api: ServerApi, who: Applicant, info: dict[str, Any], shown: Invitation, holds: str | None = None
) -> RegistrationAnswer:
    """What the fleet gives this device; `holds` is the token that it has kept. Repeating it is harmless.

    Raises NotEnrolled with what a person has to do, ApiError, and OpensslError.
    """

    def signed(nonce: str) -> dict[str, Any]:
        registration = Registration(who.device_id, datetime.now(UTC), info, __version__, claim=who.claim)
        asked = Enrolment(
            fleet_id=who.fleet_id,
            nonce=nonce,
            serial=who.serial,
            key=who.key.public,
            boot=boot_id(),
            registration=registration,
            batch_token=shown.batch_token,
            secret=shown.secret,
            holds=_hashed(holds),
        )
        return who.key.sign(ENROLMENT, asked.to_json()).to_json()

    given = _read(RegistrationAnswer.from_json, _asked(api, who, "/api/register_device", signed))
    if given.device_id != who.device_id:
        raise Garbled(f"the server enrolled {given.device_id!r} where {who.device_id!r} asked")
    return given


def renew(api: ServerApi, who: Applicant, holds: str | None) -> Token:
    """The next token after the one that it has kept. Raises as `enrol` does; NotEnrolled means: enrol again."""

    def signed(nonce: str) -> dict[str, Any]:
        asked = Renewal(who.fleet_id, nonce, who.device_id, boot_id(), _hashed(holds))
        return who.key.sign(RENEWAL, asked.to_json()).to_json()

    return _read(Token.from_json, _asked(api, who, "/api/renew_token", signed))


def _hashed(token: str | None) -> str | None:
    return sha256(token.encode()).hexdigest() if token else None


def _asked(api: ServerApi, who: Applicant, path: str, signed: _Signed) -> dict[str, Any]:
    """The answer to what is signed over a nonce of the server; over another one if that has run out."""
    try:
        return _once(api, who, path, signed)
    except NotEnrolled as error:
        if error.reason != Refusing.NONCE:
            raise
    return _once(api, who, path, signed)


def _once(api: ServerApi, who: Applicant, path: str, signed: _Signed) -> dict[str, Any]:
    nonce = _read(Nonce.from_json, api.post("/api/register_device/nonce", {}))
    try:
        return api.post(path, signed(nonce.nonce))
    except Deferred as error:
        pending = _read(Pending.from_json, error.answer)
        raise _not_enrolled(pending.reason, pending.retry_after, who) from None
    except Refused as error:
        raise _refused(error, who) from None


def _refused(error: Refused, who: Applicant) -> Exception:
    """Its verdict; the error itself where the server does not speak of enrolment."""
    try:
        verdict = Verdict.from_json(error.answer)
    except FieldError:
        return error
    return _not_enrolled(verdict.reason, verdict.retry_after, who)


def _not_enrolled(reason: Waiting | Refusing, retry_after: int, who: Applicant) -> NotEnrolled:
    said, remedy = words_for(reason, who.device_id, who.serial, who.key.public.fingerprint)
    return NotEnrolled(f"fleet {who.fleet_id} has not taken this device in: {said}", retry_after, reason, remedy)


def _read(reader: Callable[[object], _Message], answer: dict[str, Any]) -> _Message:
    try:
        return reader(answer)
    except FieldError as error:
        raise Garbled(f"the answer to the enrolment: {error}") from None
