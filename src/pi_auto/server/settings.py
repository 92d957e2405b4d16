"""What a fleet server is told at its start: where its books lie, what it listens on, what devices are told."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pi_auto.server.links.azure.settings import AzureSettings, SettingsError

__all__ = ["AZURE", "HUBS", "LOCAL", "OFF", "Address", "Settings", "SettingsError", "is_azure"]

OFF = "off"
LOCAL, AZURE = HUBS = ("local", "azure")


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

    With `trust` the API and the pages are on `https` alone, and `http` says where. Without it there is no fleet:
    so it is in somebody else's Flask app, which has no TLS of ours, and with `--trust off`.
    With `azure` the fleet's hub is there, and no local one may be.
    """

    data: Path
    http: Address | None = None
    hub_mqtt: Address | None = None
    azure: AzureSettings | None = None
    public_url: str | None = None
    insecure_plain_http: bool = False
    insecure_plain_mqtt: bool = False
    heartbeat_interval: int = 30
    update_interval: int = 3600
    downloads: int = 48  # at once, of archives
    download_quota: int = 10  # whole archives of one device in a day
    trust: bool = False
    https: Address | None = None
    key_file: Path | None = None
    server_names: tuple[str, ...] = ()
    announce: bool = True  # by mDNS, with `trust` alone
    hub_websocket: Address | None = None

    def __post_init__(self) -> None:
        if self.azure and self.hub_mqtt:
            raise SettingsError("the hub is at Azure and --hub-mqtt names a local one: allowed is one of them")
        if not self.trust:  # else nothing secret is said there
            _refuse_plain(self.http, "--http", self.insecure_plain_http, "--insecure-plain-http")
            _refuse_plain(self.hub_mqtt, "--hub-mqtt", self.insecure_plain_mqtt, "--insecure-plain-mqtt")
        if self.hub_websocket and not (self.trust and self.hub_mqtt):
            raise SettingsError("--hub-websocket needs TLS, and a local hub: leave --trust and --hub-mqtt on")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of this server: those it was given, and the one address that it listens on, if it is one."""
        own = (
            ()
            if self.https is None or ipaddress.ip_address(self.https.host).is_unspecified
            else (self.https.host,)
        )
        return tuple(dict.fromkeys((*self.server_names, *own)))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings of a blueprint in somebody else's Flask app, which has no command line of ours.

        `PI_AUTO_DATA` names the data folder (./pi-auto-data), `PI_AUTO_HUB_MQTT` where a local hub
        is to listen (off: such an app starts no program unless it is told to). With `PI_AUTO_HUB`
        azure the hub is there, as in `pi-auto-server run`.
        """
        return cls(
            data=Path(environment.get("PI_AUTO_DATA") or "pi-auto-data").absolute(),
            hub_mqtt=Address.parse(environment.get("PI_AUTO_HUB_MQTT") or OFF, "PI_AUTO_HUB_MQTT"),
            azure=_azure_of(environment),
            public_url=environment.get("PI_AUTO_PUBLIC_URL") or None,
        )


def is_azure(hub: str) -> bool:
    """Whether the fleet's hub is at Azure; SettingsError for a word that names no hub."""
    if hub not in HUBS:  # argparse lets a default of the environment pass
        raise SettingsError(f"PI_AUTO_HUB is {hub!r}; allowed: {' or '.join(HUBS)}")
    return hub == AZURE


def _azure_of(environment: Mapping[str, str]) -> AzureSettings | None:
    there = is_azure(environment.get("PI_AUTO_HUB") or LOCAL)
    return AzureSettings.from_environment(environment) if there else None


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
