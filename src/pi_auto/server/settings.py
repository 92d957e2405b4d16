"""What a fleet server is told at its start: where its books lie, what it listens on, what devices are told."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OFF = "off"


class SettingsError(ValueError):
    """A setting that cannot be used; the sentence names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @classmethod
    def parse(cls, text: str, setting: str) -> Address | None:
        """Read `ADDRESS:PORT`; nothing for `off`. Raises SettingsError naming the setting."""
        if text == OFF:
            return None
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not _is_ip(host) or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise SettingsError(
                f"{setting} is {text!r}; allowed: an IP address and a port from 0 to 65535,"
                f" such as 127.0.0.1:5000 or [::1]:0, or {OFF}"
            )
        return cls(str(ipaddress.ip_address(host)), int(port))  # one spelling, so that two can be compared


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one server. `http` and `hub_mqtt` are off where they are None; intervals are seconds.

    With `trust` the API and the pages are on `https` alone, and `http` says where.
    """

    data: Path
    http: Address | None = None
    hub_mqtt: Address | None = None
    public_url: str | None = None
    insecure_plain_http: bool = False
    insecure_plain_mqtt: bool = False
    heartbeat_interval: int = 30
    update_interval: int = 3600
    trust: bool = False
    https: Address | None = None
    key_file: Path | None = None
    server_names: tuple[str, ...] = ()
    announce: bool = True  # by mDNS, with `trust` alone

    def __post_init__(self) -> None:
        if not self.trust:  # else nothing secret is said there
            _refuse_plain(self.http, "--http", self.insecure_plain_http, "--insecure-plain-http")
        _refuse_plain(self.hub_mqtt, "--hub-mqtt", self.insecure_plain_mqtt, "--insecure-plain-mqtt")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings of a blueprint in somebody else's Flask app, which has no command line of ours.

        `PI_AUTO_DATA` names the data folder (./pi-auto-data), `PI_AUTO_HUB_MQTT` where a local hub
        is to listen (off: such an app starts no program unless it is told to).
        """
        return cls(
            data=Path(environment.get("PI_AUTO_DATA") or "pi-auto-data").absolute(),
            hub_mqtt=Address.parse(environment.get("PI_AUTO_HUB_MQTT") or OFF, "PI_AUTO_HUB_MQTT"),
            public_url=environment.get("PI_AUTO_PUBLIC_URL") or None,
        )


def _refuse_plain(address: Address | None, setting: str, insecure: bool, option: str) -> None:
    """Credentials travel in the clear here: off this machine only when told so in as many words."""
    if address and not address.loopback and not insecure:
        raise SettingsError(
            f"{setting} is {address}; without TLS only loopback addresses such as 127.0.0.1 are allowed,"
            f" unless {option} is given"
        )


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
