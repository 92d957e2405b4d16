"""The settings that a command line asks for."""

from __future__ import annotations

import argparse
from pathlib import Path

from pi_auto.server.hub_options import HUB_MQTT, HUB_MQTT_UNTRUSTED
from pi_auto.server.links.azure.settings import AzureSettings
from pi_auto.server.options import HTTP, HTTP_UNTRUSTED
from pi_auto.server.settings import OFF, Address, Settings, SettingsError, is_azure
from pi_auto.wire.server_address import is_host


def settings_of(options: argparse.Namespace) -> Settings:
    """Of `pi-auto-server run`. Raises SettingsError."""
    if not options.data:
        raise SettingsError("no data folder is named; name one with --data DIR or PI_AUTO_DATA")
    trust = options.trust == "on"
    azure = _azure(options) if is_azure(options.hub) else None
    http = options.http or (HTTP if trust else HTTP_UNTRUSTED)
    hub_mqtt = options.hub_mqtt or (OFF if azure else HUB_MQTT if trust else HUB_MQTT_UNTRUSTED)
    if http == hub_mqtt == OFF and not trust and not azure:
        raise SettingsError("--http and --hub-mqtt are both off: there is nothing to serve")
    return Settings(
        data=Path(options.data).absolute(),
        http=Address.parse(http, "--http"),
        hub_mqtt=Address.parse(hub_mqtt, "--hub-mqtt"),
        azure=azure,
        public_url=options.public_url,
        insecure_plain_http=options.insecure_plain_http,
        insecure_plain_mqtt=options.insecure_plain_mqtt,
        heartbeat_interval=options.heartbeat_interval,
        update_interval=options.update_interval,
        downloads=options.downloads,
        download_quota=options.download_quota,
        trust=trust,
        announce=options.announce == "on",
        https=_https(options.https) if trust else None,
        key_file=options.key_file and Path(options.key_file).absolute(),
        server_names=_names(options.server_name),
        hub_websocket=Address.parse(options.hub_websocket, "--hub-websocket"),
    )


def _https(text: str) -> Address:
    address = Address.parse(text, "--https")
    if address is None:
        raise SettingsError("--https is off; it is where everything happens")
    return address


def _names(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if not is_host(name):
            raise SettingsError(f"--server-name is {name[:80]!r}; allowed: a host name or an IP address")
    return tuple(dict.fromkeys(name.lower() for name in names))


def _azure(options: argparse.Namespace) -> AzureSettings:
    return AzureSettings.read(
        options.azure_service_file,
        options.azure_events_file,
        device_host=options.azure_device_host,
        consumer_group=options.azure_consumer_group,
        entra=options.azure_entra,
    )
