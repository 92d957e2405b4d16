"""The two ways to be given a token and a connection string: by a claim, or by the device's key and a fleet's card.

Who has a fleet card goes by the key, and by nothing else. The claim is for a server on this
very machine, and for those who said that they want plain HTTP (docs/decisions/0003).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.device_key import DeviceKey
from pi_auto.client.agent.enrolment.enrolling import Applicant, enrol, renew
from pi_auto.client.agent.enrolment.hardware import Hardware
from pi_auto.client.agent.enrolment.identity import Identity
from pi_auto.client.agent.enrolment.openssl import OpensslError
from pi_auto.client.agent.enrolment.registration import register
from pi_auto.client.agent.errors import ApiError
from pi_auto.files import fsync_folder
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import RegistrationAnswer

log = logging.getLogger("pi_auto.registration")

BATCH_TOKEN = "batch_token"  # noqa: S105 - the name of a file, which the installer writes


class Way(Protocol):
    """How this device is taken in. All raise ApiError."""

    def ask(self, api: ServerApi, info: dict[str, Any]) -> RegistrationAnswer:
        """Everything the server gives."""

    def renew(self, api: ServerApi, given: RegistrationAnswer) -> RegistrationAnswer:
        """The same with the next token, before the one in `given` runs out."""


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


@dataclass(frozen=True, slots=True)
class ByKey:
    """Enrolled by a signature. The batch token in `folder` is shown until the device is taken in, then erased."""

    who: Applicant
    folder: Path

    def ask(self, api: ServerApi, info: dict[str, Any]) -> RegistrationAnswer:
        """Enrol."""
        try:
            given = enrol(api, self.who, info, self._batch_token())
        except OpensslError as error:
            raise ApiError(str(error)) from None
        self._erase_batch_token()
        return given

    def renew(self, api: ServerApi, given: RegistrationAnswer) -> RegistrationAnswer:
        """The next token."""
        try:
            token = renew(api, self.who, given.api_token)
        except OpensslError as error:
            raise ApiError(str(error)) from None
        return replace(given, api_token=token.api_token, token_expires_in=token.expires_in)

    def _batch_token(self) -> str | None:
        try:
            return (self.folder / BATCH_TOKEN).read_text(encoding="ascii").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("the batch token cannot be read: %s", error)
            return None

    def _erase_batch_token(self) -> None:
        try:
            (self.folder / BATCH_TOKEN).unlink(missing_ok=True)
            fsync_folder(self.folder)
        except OSError as error:
            log.warning("the batch token could not be erased; it is of no more use to this device: %s", error)


def way_of(folder: Path, identity: Identity, card: FleetCard | None) -> Way:
    """By the key where there is a card. Raises OpensslError or OSError where the device can have no key."""
    if card is None:
        return ByClaim(identity)
    hardware = Hardware()
    serial = hardware.serial() or hardware.mac() or identity.device_id
    return ByKey(Applicant(card.fleet_id, identity.device_id, serial, DeviceKey(folder)), folder)
