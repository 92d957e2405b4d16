"""How to get into the hub: what the registration gave, made ready for a connection."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.agent.errors import HubLost, HubRejected
from pi_auto.client.agent.tls import context_for
from pi_auto.client.endpoint import is_loopback
from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.sas import SasToken

TOKEN_LIFE = 3600  # seconds


@dataclass(frozen=True, slots=True)
class HubWay:
    """The hub that `credentials` are for, the address dialled, the trust; without `tls` nothing is hidden."""

    credentials: ConnectionString
    address: str
    port: int
    tls: ssl.SSLContext | None

    def user_name(self) -> str:
        """The MQTT user name."""
        return topics.user_name(self.credentials.host, self.credentials.device_id)

    def password(self, now: float) -> str:
        """A token good for TOKEN_LIFE from `now`, Unix seconds."""
        resource = topics.resource(self.credentials.host, self.credentials.device_id)
        return str(SasToken.sign(resource, self.credentials.key, int(now) + TOKEN_LIFE))


def way_into(
    given: RegistrationAnswer, device_id: str, ca: Path | None, *, insecure: bool = False
) -> HubWay | None:
    """The way that was given; nothing where the server has switched the hub off.

    Raises HubRejected where what was given cannot be right, so that the server is asked
    again. The verified name is the connection string's, whatever address is dialled.
    """
    if given.connection_string is None:
        return None
    try:
        credentials = ConnectionString.parse(given.connection_string)
    except FieldError as error:
        raise HubRejected(f"the connection string of the IoT Hub: {error}") from None
    if credentials.device_id != device_id:
        raise HubRejected(f"the connection string is of {credentials.device_id!r}, not of {device_id!r}")
    dial = given.hub
    address, port = (dial.address, dial.port) if dial else (credentials.host, topics.MQTT_TLS_PORT)
    if dial and not dial.tls:
        if not is_loopback(address) and not insecure:
            raise HubRejected(
                f"the IoT Hub at {address} is offered without TLS; allowed: TLS, or this machine itself"
            )
        return HubWay(credentials, address, port, tls=None)
    return HubWay(credentials, address, port, _context(credentials.host, ca))


def _context(host: str, ca: Path | None) -> ssl.SSLContext:
    try:
        return context_for(host, ca, system_too=True)
    except OSError as error:
        raise HubLost(f"cannot use the authorities in {ca}: {error}") from None
