"""The options of `pi-auto-server run`.

Text comes in from the command line; what is not a number of seconds or a URL is refused here, with
what is allowed. Addresses and the rest are judged by `settings`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pi_auto.server.errors import CommandFailed
from pi_auto.server.settings import HUBS, LOCAL, SettingsError
from pi_auto.server.sizing import whole

HTTP, HTTPS, HUB_MQTT = "0.0.0.0:5000", "0.0.0.0:5443", "0.0.0.0:8883"
_NO_OTHERS = {"lost+found", "releases"}  # a disk's own, and what a release is handed in by
HTTP_UNTRUSTED, HUB_MQTT_UNTRUSTED = "127.0.0.1:5000", "127.0.0.1:1883"  # with --trust off


def existing_data(named: Path | str | None) -> Path:
    """The data folder of a server, for a command beside it, which makes none.

    Raises CommandFailed, and SettingsError where none is named: `--data "$UNSET"` is not the folder one stands in.
    """
    if not named:
        raise SettingsError("no data folder is named; name one with --data DIR or PI_AUTO_DATA")
    data = Path(named).absolute()
    try:
        is_there = data.is_dir()
    except PermissionError:  # nor is what it lies in for this user
        is_there = True
    if not is_there:
        raise CommandFailed(f"--data is {data}, which is no folder; name that of the server")
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise CommandFailed(
            f"--data is {data}, which is not for this user; run it as the server's user, or by sudo"
        )
    return data


def fleets_data(named: Path | str | None) -> Path:
    """The same for a command that begins a fleet where there is none: in an empty folder, and in no other."""
    data = existing_data(named)
    if (data / "trust").exists() or not {path.name for path in data.iterdir()} - _NO_OTHERS:
        return data
    from pi_auto.server.store.engine import BOOKS, RESTORING  # noqa: PLC0415 - --help does not need it

    if not (data / BOOKS).exists() and not (data / RESTORING).exists():
        raise CommandFailed(f"--data is {data}, which holds other things and no books; name that of the server")
    return data


def add_options(command: argparse.ArgumentParser) -> None:
    """Add them to the command."""
    for group in (_add_places, _add_trust, _add_azure, _add_intervals, _add_downloads, _add_risks):
        group(command.add_argument)
    command.add_argument(
        "--log-level",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
        help="what is logged to stderr (%(default)s)",
    )


def _add_places(add: Callable[..., Any]) -> None:
    add(
        "--data",
        metavar="DIR",
        default=os.environ.get("PI_AUTO_DATA"),
        help="the folder for everything the server keeps; made if it is not there (default: PI_AUTO_DATA)",
    )
    add(
        "--http",
        metavar="ADDRESS:PORT",
        help=f"the port without TLS, which says where --https is; port 0 takes a free one, `off` none ({HTTP};"
        f" with --trust off the API and the pages are there, at {HTTP_UNTRUSTED})",
    )
    add(
        "--hub-mqtt",
        metavar="ADDRESS:PORT",
        help="where the local hub takes MQTT, within TLS; port 0 takes the one it had before, else a free one,"
        f" `off` none ({HUB_MQTT}; off with --hub azure; with --trust off {HUB_MQTT_UNTRUSTED}, without TLS)",
    )
    add(
        "--hub-websocket",
        metavar="ADDRESS:PORT",
        default="off",
        help="where the local hub takes MQTT by WebSocket too, within TLS, for networks that let"
        " nothing but port 443 out (%(default)s)",
    )
    add(
        "--public-url",
        metavar="URL",
        type=_url,
        help="the server's address as devices are told it (default: the one they came to)",
    )


def _add_trust(add: Callable[..., Any]) -> None:
    add(
        "--trust",
        choices=("on", "off"),
        default="on",
        help="on: devices prove who they are by a key, operators by a link or a token, all of it over TLS."
        " DANGEROUS off: whoever reaches the server reads every scan and may register any device; only for"
        " old set-ups that are being developed, on this machine alone (%(default)s)",
    )
    add(
        "--https",
        metavar="ADDRESS:PORT",
        default=HTTPS,
        help="where the API and the pages are; port 0 takes a free one (%(default)s)",
    )
    add(
        "--server-name",
        metavar="NAME",
        action="append",
        default=[],
        help="a host name or an address of this server, for its certificate and the fleet card;"
        " may be given several times",
    )
    add(
        "--announce",
        choices=("on", "off"),
        default="on",
        help="whether the server tells its own networks by mDNS where it is (%(default)s)",
    )
    add_key_file(add)


def add_key_file(add: Callable[..., Any]) -> None:
    """The option that names the key of the server's secrets."""
    add(
        "--key-file",
        metavar="FILE",
        type=Path,
        default=os.environ.get("PI_AUTO_KEY_FILE"),
        help="the key that the server's secrets are sealed with, outside the data folder; made if it is not there"
        " (default: PI_AUTO_KEY_FILE, else systemd's credential pi-auto-key, else DIR.key beside the data folder)",
    )


def add_hub(add: Callable[..., Any]) -> None:
    """Where the hub is, and how its service side is asked."""
    add(
        "--hub",
        choices=HUBS,
        default=os.environ.get("PI_AUTO_HUB") or LOCAL,
        help="where the fleet's hub is: one that the server runs itself, or Azure IoT Hub"
        " (default: PI_AUTO_HUB, or local)",
    )
    add(
        "--azure-service-file",
        metavar="FILE",
        default=os.environ.get("PI_AUTO_AZURE_SERVICE_FILE"),
        help="a file, readable by its owner alone, that holds the hub's service connection string"
        " (or the string itself in the variable PI_AUTO_AZURE_SERVICE)",
    )
    add(
        "--azure-entra",
        action="store_true",
        default=os.environ.get("PI_AUTO_AZURE_ENTRA") == "1",
        help="sign in by Entra ID (a managed identity, or the variables AZURE_…) where a string has no key",
    )


def _add_azure(add: Callable[..., Any]) -> None:
    add_hub(add)
    add(
        "--azure-events-file",
        metavar="FILE",
        default=os.environ.get("PI_AUTO_AZURE_EVENTS_FILE"),
        help="the same with the connection string of its Event Hub-compatible endpoint (PI_AUTO_AZURE_EVENTS)",
    )
    add(
        "--azure-consumer-group",
        metavar="NAME",
        default=os.environ.get("PI_AUTO_AZURE_CONSUMER_GROUP") or "$Default",
        help="the consumer group to read events by; nothing else may read by it (%(default)s)",
    )
    add(
        "--azure-device-host",
        metavar="NAME",
        default=os.environ.get("PI_AUTO_AZURE_DEVICE_HOST"),
        help="the host name that devices are told, where it is not the service connection string's",
    )


def _add_intervals(add: Callable[..., Any]) -> None:
    add(
        "--heartbeat-interval",
        metavar="SECONDS",
        type=_seconds,
        default=30,
        help="how often devices are to report that they are there (%(default)s)",
    )
    add(
        "--update-interval",
        metavar="SECONDS",
        type=_seconds,
        default=3600,
        help="how often devices are to ask for updates (%(default)s)",
    )


def _add_downloads(add: Callable[..., Any]) -> None:
    add(
        "--downloads",
        metavar="N",
        type=whole(1, 72),
        default=48,
        help="how many downloads of releases may go on at once; others are told to come again (%(default)s)",
    )
    add(
        "--download-quota",
        metavar="N",
        type=whole(1, 1000),
        default=10,
        help="how many whole releases one device may download in a day, in parts or not (%(default)s)",
    )


def _add_risks(add: Callable[..., Any]) -> None:
    add(
        "--insecure-plain-http",
        action="store_true",
        help="with --trust off: allow HTTP on other addresses than loopback: everything can be overheard",
    )
    add("--insecure-plain-mqtt", action="store_true", help="allow the same for MQTT")


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 86400")
    return int(text)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable() or len(text) > 2048:
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL such as https://pi.example.org")
    return text.rstrip("/")
