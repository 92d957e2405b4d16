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

from pi_auto.server.hub_options import add_events, add_hub, add_local_hub
from pi_auto.server.sizing import whole

HTTP, HTTPS = "0.0.0.0:5000", "0.0.0.0:5443"
HTTP_UNTRUSTED = "127.0.0.1:5000"  # with --trust off


def add_options(command: argparse.ArgumentParser) -> None:
    """Add them to the command."""
    for group in _GROUPS:
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


def _add_public_url(add: Callable[..., Any]) -> None:
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


def _add_names(add: Callable[..., Any]) -> None:
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


_GROUPS = (
    _add_places,
    add_local_hub,
    _add_public_url,
    _add_trust,
    _add_names,
    add_key_file,
    add_hub,
    add_events,
    _add_intervals,
    _add_downloads,
    _add_risks,
)  # in the order of --help
