"""What a hub is told at its start, checked before anything is opened."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from pi_auto.hub.errors import OperatorError
from pi_auto.hub.throttles import Throttles
from pi_auto.hub.tls import context_of
from pi_auto.wire.quotas import TIERS

NAME_FILE = "name"  # in the data folder: what connection strings name as the host
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
    https_port: int | None = None
    own_tls: bool = False
    websocket_port: int | None = None
    websocket_host: str = ""
    throttle: str | None = None
    print_events: bool = False
    events_from: int | None = None  # sequence number of the first event to print; None for the next one

    def tls(self) -> ssl.SSLContext | None:
        """TLS for MQTT as it was asked for; without it only loopback is allowed. Raises OperatorError."""
        if self.own_tls and not (self.tls_cert or self.tls_key):
            return self._own_tls()
        if self.tls_cert is None or self.tls_key is None:
            self._check_plain()
            self._check_websocket()
            return None
        return self._context(self.tls_cert, self.tls_key)

    def rest_tls(self) -> ssl.SSLContext:
        """TLS for the service side, which never does without. Raises OperatorError."""
        return self._own_tls() if self.tls_cert is None else self._context(self.tls_cert, self.tls_key)

    def _own_tls(self) -> ssl.SSLContext:
        from pi_auto.hub.certificates import ensure  # noqa: PLC0415 - cryptography is large, and few hubs need it

        return self._context(*ensure(self.data, self.name, self.host))

    @staticmethod
    def _context(certificate: Path, key: Path | None) -> ssl.SSLContext:
        try:
            return context_of(certificate, key)
        except OSError as error:  # ssl.SSLError is one
            raise OperatorError(f"{certificate} and {key} are not a certificate and its key: {error}") from error

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

    def _check_websocket(self) -> None:
        if self.websocket_port is not None:
            raise OperatorError("MQTT by WebSocket goes within TLS: give --tls-cert and --tls-key, or --tls self")

    def _check_plain(self) -> None:
        if self.tls_cert or self.tls_key:
            raise OperatorError("--tls-cert and --tls-key go together: one of them is missing")
        if self.mqtt_port is not None and not self.insecure_plain_mqtt and not _is_loopback(self.host):
            raise OperatorError(
                f"MQTT without TLS is refused on {self.host}: give --tls-cert and --tls-key, --tls self, an "
                "address of loopback such as 127.0.0.1, or --insecure-plain-mqtt if all may be overheard"
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
