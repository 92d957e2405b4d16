"""Tokens for the service side: signed with a policy's key, or given by Entra ID. Renewed; never logged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pi_auto.server.links.azure.strings import ServiceString
from pi_auto.server.links.base import HubUnavailable
from pi_auto.wire.sas import SasToken

SCOPE = "https://iothubs.azure.net/.default"
_SAS_LIFE = 3600  # seconds
_AHEAD = 300  # seconds before its end a token is renewed


@dataclass(frozen=True, slots=True)
class Token:
    """The value of an Authorization header, good until `expiry` (Unix seconds). It is in no repr."""

    value: str = field(repr=False)
    expiry: float


class Tokens:
    """One token at a time, made anew before it ends; from any thread."""

    def __init__(self, make: Callable[[], Token], clock: Callable[[], float] = time.time) -> None:
        self._make, self._clock = make, clock
        self._lock = threading.Lock()
        self._token = Token("", 0)

    def current(self) -> str:
        """The header's value. Raises HubUnavailable where Entra ID gives none."""
        with self._lock:
            if self._clock() >= self._token.expiry - _AHEAD:
                self._renew()
            return self._token.value

    def _renew(self) -> None:
        """A new one; where none is to be had now, the one that is still good will do until it ends."""
        try:
            self._token = self._make()
        except HubUnavailable:
            if self._clock() >= self._token.expiry:
                raise


def signed(service: ServiceString, clock: Callable[[], float] = time.time) -> Tokens:
    """Tokens by the policy's key, good for an hour each."""

    def make() -> Token:
        expiry = int(clock()) + _SAS_LIFE
        return Token(str(SasToken.sign(service.host, service.key, expiry, service.policy)), expiry)

    return Tokens(make, clock)


def from_entra(credential: object) -> Tokens:
    """Tokens by a credential of azure-identity."""
    from azure.core.exceptions import AzureError  # noqa: PLC0415 - only where Entra ID is used

    def make() -> Token:
        try:
            given = credential.get_token(SCOPE)  # type: ignore[attr-defined] # its protocol is the library's
        except (
            AzureError
        ) as error:  # refused, or not reached: azure-identity wraps the latter the first time alone
            reason = str(error).partition("\n")[0][:300]
            raise HubUnavailable(f"Entra ID gives no token for {SCOPE}: {reason}") from None
        return Token(f"Bearer {given.token}", given.expires_on)

    return Tokens(make)
