"""What a hub is told at its start, checked before anything is opened."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from pi_auto.hub.errors import OperatorError
from pi_auto.hub.throttles import Throttles
from pi_auto.wire.quotas import TIERS

MOST_CONNECTIONS = 12_000
CONNECT_TIMEOUT = 10  # seconds


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `pi-auto-hub run`. A port of None means no MQTT at all, 0 any free one."""

    data: Path
    host: str
    mqtt_port: int | None
    name: str
    socket: Path
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure_plain_mqtt: bool = False
    orphan_timeout: float | None = None
    most_connections: int = MOST_CONNECTIONS
    connect_timeout: float = CONNECT_TIMEOUT
    throttle: str | None = None

    def tls(self) -> ssl.SSLContext | None:
        """TLS as it was asked for; without it only loopback is allowed. Raises OperatorError."""
        if self.tls_cert is None or self.tls_key is None:
            self._check_plain()
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.tls_cert, self.tls_key)
        except OSError as error:  # ssl.SSLError is one
            raise OperatorError(
                f"{self.tls_cert} and {self.tls_key} are not a certificate and its key: {error}"
            ) from error
        return context

    def throttles(self) -> Throttles:
        """The rates of `throttle`, such as S1 or S2:3; none without it. Raises OperatorError."""
        if self.throttle is None:
            return Throttles()
        name, _, units = self.throttle.partition(":")
        tier = TIERS.get(name)
        if tier is None:
            raise OperatorError(f"{name!r} is not a tier: one of {', '.join(TIERS)}")
        if not (units or "1").isdecimal() or not 1 <= int(units or "1") <= tier.most_units:
            raise OperatorError(f"{units!r} is not a number of units of {name}: 1 to {tier.most_units}")
        return Throttles(tier, int(units or "1"))

    def _check_plain(self) -> None:
        if self.tls_cert or self.tls_key:
            raise OperatorError("--tls-cert and --tls-key go together: one of them is missing")
        if self.mqtt_port is not None and not self.insecure_plain_mqtt and not _is_loopback(self.host):
            raise OperatorError(
                f"MQTT without TLS is refused on {self.host}: give --tls-cert and --tls-key, an address of "
                "loopback such as 127.0.0.1, or --insecure-plain-mqtt if you accept that all can be overheard"
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
