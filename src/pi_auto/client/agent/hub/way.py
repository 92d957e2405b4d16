"""How to get into the hub: what the registration gave, made ready for a connection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pi_auto.client.agent.errors import HubLost, HubRejected
from pi_auto.client.agent.hub.carriers import Carrier
from pi_auto.client.agent.tls import NamedContext, context_for
from pi_auto.client.endpoint import is_loopback
from pi_auto.client.proxy import Proxy
from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.registration import HubDial, RegistrationAnswer
from pi_auto.wire.sas import SasToken

TOKEN_LIFE = 3600  # seconds


@dataclass(frozen=True, slots=True)
class HubWay:
    """The hub that `credentials` are for, and what is dialled for it; without `tls` nothing is hidden.

    `ca` is believed beside the system's authorities. A `proxy` is dialled in its place.
    """

    credentials: ConnectionString
    address: str
    port: int
    tls: bool
    ca: Path | str | None = None
    carrier: Carrier = Carrier.MQTT
    proxy: Proxy | None = None

    def __str__(self) -> str:
        by = f" by the proxy {self.proxy}" if self.proxy else ""
        within = " by WebSocket" if self.carrier is Carrier.WEBSOCKET else ""
        return f"{self.address} port {self.port}{within}{by}"

    @property
    def first_hop(self) -> tuple[str, int]:
        """What is dialled."""
        return self.proxy.address if self.proxy else (self.address, self.port)

    def user_name(self) -> str:
        """The MQTT user name."""
        return topics.user_name(self.credentials.host, self.credentials.device_id)

    def password(self, now: float, life: int = TOKEN_LIFE) -> str:
        """A token good for `life` seconds from `now`, Unix seconds."""
        resource = topics.resource(self.credentials.host, self.credentials.device_id)
        return str(SasToken.sign(resource, self.credentials.key, int(now) + life))

    def context(self) -> NamedContext | None:
        """TLS that verifies the connection string's name, whatever is dialled. Raises HubLost."""
        if not self.tls:
            return None
        try:
            context = context_for(self.credentials.host, self.ca, system_too=True)
        except OSError as error:
            raise HubLost(f"cannot use the authorities in {self.ca}: {error}") from None
        context.beyond = (self.address, self.port) if self.proxy else None
        return context


def ways_into(
    given: RegistrationAnswer,
    device_id: str,
    ca: Path | str | None,
    proxy: Proxy | None = None,
    *,
    insecure: bool = False,
) -> tuple[HubWay, ...]:
    """The ways that were given, one a carrier; none where the server has switched the hub off.

    A proxy lets 443 pass and hardly anything else, so that the WebSocket is the only way where there is one.
    Raises HubRejected where what was given cannot be right, so that the server is asked again.
    """
    if given.connection_string is None:
        return ()
    credentials = _credentials(given.connection_string, device_id)
    dial = given.hub or HubDial(
        credentials.host, topics.MQTT_TLS_PORT, tls=True, websocket_port=topics.WEBSOCKET_PORT
    )
    if not dial.tls:
        return (_open_way(credentials, dial, insecure=insecure),)
    straight = HubWay(credentials, dial.address, dial.port, tls=True, ca=ca)
    ways = [straight]
    if dial.websocket_port:
        ways.append(replace(straight, port=dial.websocket_port, carrier=Carrier.WEBSOCKET))
    if proxy and not is_loopback(dial.address):
        return (replace(ways[-1], proxy=proxy),)
    return tuple(ways)


def _credentials(connection_string: str, device_id: str) -> ConnectionString:
    try:
        credentials = ConnectionString.parse(connection_string)
    except FieldError as error:
        raise HubRejected(f"the connection string of the IoT Hub: {error}") from None
    if credentials.device_id != device_id:
        raise HubRejected(f"the connection string is of {credentials.device_id!r}, not of {device_id!r}")
    return credentials


def _open_way(credentials: ConnectionString, dial: HubDial, *, insecure: bool) -> HubWay:
    """A way without TLS, which is for this machine itself; a proxy is not asked for one."""
    if not is_loopback(dial.address) and not insecure:
        raise HubRejected(
            f"the IoT Hub at {dial.address} is offered without TLS; allowed: TLS, or this machine itself"
        )
    return HubWay(credentials, dial.address, dial.port, tls=False)
