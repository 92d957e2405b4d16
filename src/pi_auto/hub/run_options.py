"""The options of `pi-auto-hub run` on its command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from pi_auto.hub.options import CONNECT_TIMEOUT, MOST_CONNECTIONS, Options
from pi_auto.wire.topics import MQTT_TLS_PORT


def add(run_command: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    option = run_command.add_argument
    option("--data", type=Path, required=True, metavar="DIR", help="the folder for everything the hub keeps")
    _add_addresses(run_command.add_argument_group("where it listens"))
    _add_trust(run_command.add_argument_group("trust"))
    _add_bounds(run_command.add_argument_group("limits"))
    option(
        "--events", choices=("-",),
        help="print each event as a line of JSON on stdout, from the next one on; the ready line goes to stderr",
    )  # fmt: skip
    option(
        "--events-from", type=_sequence_number, metavar="N",
        help="print the events too, from sequence number N on as far as the log still has them",
    )  # fmt: skip
    option(
        "--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        help="what is logged to stderr (default: INFO)",
    )  # fmt: skip


def read(arguments: argparse.Namespace) -> Options:
    """What they say."""
    data: Path = arguments.data.absolute()
    return Options(
        data=data,
        host=arguments.host,
        mqtt_port=arguments.mqtt_port,
        name=arguments.name or arguments.host,
        socket=arguments.socket or data / "hub.sock",  # a relative one stays so: its length is limited
        tls_cert=arguments.tls_cert,
        tls_key=arguments.tls_key,
        https_port=arguments.https_port,
        websocket_port=arguments.websocket_port,
        websocket_host=arguments.websocket_host or arguments.host,
        own_tls=arguments.tls == "self",
        insecure_plain_mqtt=arguments.insecure_plain_mqtt,
        orphan_timeout=arguments.orphan_timeout,
        most_connections=arguments.max_connections,
        connect_timeout=arguments.connect_timeout,
        throttle=arguments.throttle,
        print_events=arguments.events is not None or arguments.events_from is not None,
        events_from=arguments.events_from,
    )


def _add_addresses(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--host", required=True, metavar="ADDRESS", help="the address to listen on, such as 127.0.0.1")
    add(
        "--mqtt-port", type=_port, default=MQTT_TLS_PORT, metavar="N",
        help=f"the port for MQTT; 0 takes a free one, `off` none (default: {MQTT_TLS_PORT})",
    )  # fmt: skip
    add(
        "--https-port", type=_port, metavar="N",
        help="the port for the service side by HTTPS, 443 at Azure; 0 takes a free one, `off` none (default: off)",
    )  # fmt: skip
    add(
        "--websocket-port", type=_port, metavar="N",
        help="a port for MQTT by WebSocket alone, within TLS, for networks that let nothing but 443 out (default:"
        " off; --https-port takes it too)",
    )  # fmt: skip
    add(
        "--websocket-host", metavar="ADDRESS",
        help="the address of that port (default: the one of --host)",
    )  # fmt: skip
    add(
        "--name", metavar="NAME",
        help="the HostName in connection strings, which devices verify and sign for (default: the address)",
    )  # fmt: skip
    add("--socket", type=Path, metavar="PATH", help="the Unix socket for the server (default: DIR/hub.sock)")


def _add_trust(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--tls-cert", type=Path, metavar="FILE", help="the certificate chain for MQTT and HTTPS, PEM")
    add("--tls-key", type=Path, metavar="FILE", help="its private key, PEM")
    add(
        "--tls", choices=("auto", "self"), default="auto",
        help="`self`: MQTT too with a certificate of the hub's own where none is given, as HTTPS always has",
    )  # fmt: skip
    add(
        "--insecure-plain-mqtt", action="store_true",
        help="allow MQTT without TLS on other addresses than loopback: tokens and scans can be overheard",
    )  # fmt: skip


def _add_bounds(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--orphan-timeout", type=_seconds, metavar="SECONDS",
        help="stop when no server has talked to it for so long (default: never)",
    )  # fmt: skip
    add(
        "--max-connections", type=_count, default=MOST_CONNECTIONS, metavar="N",
        help=f"turn away devices above this number (default: {MOST_CONNECTIONS})",
    )  # fmt: skip
    add(
        "--connect-timeout", type=_seconds, default=CONNECT_TIMEOUT, metavar="SECONDS",
        help=f"close a connection that has not proved who it is by then (default: {CONNECT_TIMEOUT})",
    )  # fmt: skip
    add(
        "--throttle", metavar="TIER[:UNITS]",
        help="imitate the rates of an Azure tier, S1, S2 or S3, with so many units (default: no limits)",
    )  # fmt: skip


def _port(text: str) -> int | None:
    if text == "off":
        return None
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535, or off")


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of connections: 1 to 1000000")


def _sequence_number(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:19]) < 1 << 62:
        return int(text[:19])
    raise argparse.ArgumentTypeError(f"{text!r} is not a sequence number: 1 and above")


def _seconds(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 3600:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a time: 1 to 3600 seconds")
