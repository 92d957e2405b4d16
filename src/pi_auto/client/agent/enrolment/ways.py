"""The two ways to be given a token and a connection string: by a claim, or by the device's key and a fleet's card.

Who has a fleet card goes by the key, and by nothing else. The claim is for a server on this
very machine, and for those who said that they want plain HTTP (docs/decisions/0003).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment import invitation
from pi_auto.client.agent.enrolment.device_key import DeviceKey
from pi_auto.client.agent.enrolment.enrolling import Applicant, enrol, renew
from pi_auto.client.agent.enrolment.hardware import Hardware
from pi_auto.client.agent.enrolment.identity import Identity
from pi_auto.client.agent.enrolment.invitation import Invitation
from pi_auto.client.agent.enrolment.openssl import OpensslError
from pi_auto.client.agent.enrolment.registration import register, stored_registration
from pi_auto.client.agent.errors import ApiError
from pi_auto.wire.enrolment import SERIAL
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import RegistrationAnswer

_T = TypeVar("_T")


class Way(Protocol):
    """How this device is taken in. All raise ApiError."""

    def ask(self, api: ServerApi, info: dict[str, Any]) -> RegistrationAnswer:
        """Everything the server gives."""

    def renew(self, api: ServerApi, given: RegistrationAnswer) -> RegistrationAnswer:
        """The same with the next token, before the one in `given` runs out."""

    def settled(self) -> None:
        """What was given is kept: what was shown to get it has served."""


@dataclass(frozen=True, slots=True)
class ByClaim:
    """The first who registers an id with a claim keeps it. Such tokens do not run out."""

    identity: Identity

    def ask(self, api: ServerApi, info: dict[str, Any]) -> RegistrationAnswer:
        """Register."""
        return register(api, self.identity, info)

    def renew(self, api: ServerApi, given: RegistrationAnswer) -> RegistrationAnswer:  # noqa: ARG002 - a Way's
        """Nothing to renew."""
        return given

    def settled(self) -> None:
        """Nothing was shown that would have to be erased."""


class ByKey:
    """Enrolled by a signature, as `giver`'s device; all it needs is kept in `folder`.

    The key is opened when it is first needed: without `openssl`, or room for a new key, what was
    given before goes on being used. What is `shown` to be let in lies in the folder, unless it is given.
    """

    def __init__(
        self,
        folder: Path,
        giver: str,
        fleet_id: str,
        identity: Identity,
        serial: str,
        shown: Invitation | None = None,
    ) -> None:
        self._folder, self._giver, self._shown = folder, giver, shown
        self._fleet_id, self._identity, self._serial = fleet_id, identity, serial
        self._applicant: Applicant | None = None

    def ask(self, api: ServerApi, info: dict[str, Any]) -> RegistrationAnswer:
        """Enrol."""
        shown = self._shown or invitation.kept(self._folder)
        return _told(lambda: enrol(api, self._who(), info, shown, self._held()))

    def renew(self, api: ServerApi, given: RegistrationAnswer) -> RegistrationAnswer:
        """The next token."""
        token = _told(lambda: renew(api, self._who(), self._held()))
        return replace(given, api_token=token.api_token, token_expires_in=token.expires_in)

    def settled(self) -> None:
        """Enrolled: a batch token is of no more use here, and would be elsewhere."""
        invitation.erase(self._folder)

    def _who(self) -> Applicant:
        if self._applicant is None:
            who, key = self._identity, DeviceKey(self._folder)
            self._applicant = Applicant(self._fleet_id, who.device_id, self._serial, key, who.claim)
        return self._applicant

    def _held(self) -> str | None:
        """The token that would survive a power cut: one that a full disk did not take must not stand for it.

        The server keeps what is shown here good, however many of its answers are lost after it.
        """
        try:
            kept = stored_registration(self._folder, self._giver, self._identity.device_id)
        except OSError:
            return None
        return kept.api_token if kept else None


def way_of(folder: Path, identity: Identity, card: FleetCard | None, giver: str) -> Way:
    """By the key where there is a card."""
    if card is None:
        return ByClaim(identity)
    return ByKey(folder, giver, card.fleet_id, identity, serial_of(identity))


def serial_of(identity: Identity) -> str:
    """The machine's, where the maker gave it one; else the id that was kept, which no network card can change."""
    serial = identity.serial or Hardware().serial()
    return serial if serial and SERIAL.match(serial) else identity.device_id


def _told(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except OpensslError as error:
        raise ApiError(f"this device cannot sign: {error}") from None
    except OSError as error:
        raise ApiError(f"the device's key cannot be used: {error.strerror or error}") from None
