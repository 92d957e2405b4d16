"""The command `pi-auto-server`."""

from __future__ import annotations

import argparse
import errno
import http.client
import ipaddress
import logging
import os
import shlex
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pi_auto.logs import start_logging
from pi_auto.server.admin.commands import add_admin
from pi_auto.server.backups.commands import add_backups
from pi_auto.server.commands import add_commands
from pi_auto.server.errors import AuditError, CommandFailed
from pi_auto.server.links.azure.settings import AzureSettings
from pi_auto.server.loading import loading
from pi_auto.server.options import HTTP, HTTP_UNTRUSTED, HUB_MQTT, HUB_MQTT_UNTRUSTED, add_options
from pi_auto.server.service import Service
from pi_auto.server.settings import OFF, Address, Settings, SettingsError, is_azure
from pi_auto.server.sizing import add_capacity
from pi_auto.version import __version__
from pi_auto.wire.fleet_card import server_name
from pi_auto.wire.server_address import is_host

if TYPE_CHECKING:
    from pi_auto.server.trust.fleet import Fleet  # takes a while to load

_ABOUT = """\
The fleet server of Pi Auto Client: devices register and deliver their scans here, people
watch them arrive on the page, scripts read them. It runs a local hub beside itself, unless the
fleet's hub is at Azure.
"""
_EXAMPLES = """\
examples:
  pi-auto-server run --data ~/pi-auto
      makes a fleet; API and pages on https://localhost:5443, the hub on port 8883, port 5000 says where they are
  pi-auto-server run --data /srv/pi-auto --server-name fleet.lan --hub-mqtt off
      devices find it by a name, and deliver by the API alone
  pi-auto-server run --data /srv/pi-auto --hub azure --azure-service-file service --azure-events-file events
      the fleet's hub is an Azure IoT Hub; docs/azure.md says what to set up there

When it answers it prints one line, `pi-auto-server ready: https=ADDRESS:PORT http=ADDRESS:PORT
hub-mqtt=ADDRESS:PORT data=DIR`, and to a terminal the page to open with a link that signs you in.
It stops on SIGTERM or Ctrl-C, within five seconds. Whatever it acknowledged survives a kill.
"""
_ANSWERS_WITHIN = 20.0  # seconds
_PATIENCE = 15.0  # for an answer to ourselves: one that a whole fleet comes back to is slow, and no more
_LET_GO_WITHIN = 2.0
_UNTRUSTED = """\
THIS SERVER TRUSTS EVERYBODY (--trust off): whoever reaches it reads every scan, and may register any device;
nothing is encrypted. It is for old set-ups that are being developed, on one machine. Old clients of a fleet
are served by legacy mode: `pi-auto-server legacy on`."""
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it ended as it should."""
    options = _parser().parse_args(arguments)
    start_logging(getattr(options, "log_level", "WARNING"))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from pi_auto.server.links.base import HubFailed, HubUnavailable  # noqa: PLC0415 - --help does not need it

    try:
        if said := options.command(options):
            print(said)
    except (CommandFailed, SettingsError, HubFailed, HubUnavailable, AuditError) as error:
        print(f"pi-auto-server: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises CommandFailed."""
    if settings.trust:
        _run_with_trust(settings)
        return
    _log.warning(_UNTRUSTED)
    if settings.http is None:
        _run_without_http(settings)
        return
    with loading():
        from pi_auto.server import serving  # noqa: PLC0415 - takes a while to load, and --help does not need it
        from pi_auto.server.links.supervisor import holds_address  # noqa: PLC0415 - see above

    if settings.hub_mqtt and not holds_address(settings.data, settings.hub_mqtt):
        _bind(settings.hub_mqtt, "--hub-mqtt").close()  # the hub binds it itself; this is for the sentence
    listener = _bind(settings.http, "--http")
    with listener:
        bound = serving.bound_address(listener)

        service = Service()

        def ready(hub: Address | None) -> None:
            _wait_for_answer(bound)
            service.attend(lambda: _answers(bound))
            _say_ready(settings, bound, hub)

        failure = serving.serve(settings, listener, ready)
        service.stopping()
    if failure:
        raise CommandFailed(failure)


def _run_with_trust(settings: Settings) -> None:
    """The API and the pages over TLS; the plain port, where there is one, only says where."""
    with loading():
        from pi_auto.server import serving  # noqa: PLC0415 - see above
        from pi_auto.server.context import now_utc  # noqa: PLC0415 - see above
        from pi_auto.server.links.supervisor import holds_address  # noqa: PLC0415 - see above
        from pi_auto.server.trust.errors import TrustError  # noqa: PLC0415 - see above
        from pi_auto.server.trust.fleet import open_fleet  # noqa: PLC0415 - see above
        from pi_auto.server.trust.own_names import own_names  # noqa: PLC0415 - see above
        from pi_auto.server.welcome import welcome  # noqa: PLC0415 - see above

    if settings.hub_mqtt and not holds_address(settings.data, settings.hub_mqtt):
        _bind(settings.hub_mqtt, "--hub-mqtt").close()
        if settings.hub_websocket:
            _bind(settings.hub_websocket, "--hub-websocket").close()
    with ExitStack() as stack:
        listener = stack.enter_context(_bind(settings.https or Address("127.0.0.1", 0), "--https"))
        plain = stack.enter_context(_bind(settings.http, "--http")) if settings.http else None
        bound = serving.bound_address(listener)
        try:
            settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = own_names(settings)
            fleet = open_fleet(settings.data, settings.key_file, settings.names, now_utc(), found)
        except (TrustError, OSError) as error:
            raise CommandFailed(str(error)) from error
        service = Service()

        def ready(hub: Address | None) -> None:
            _wait_for_answer(bound, fleet)
            service.attend(lambda: _answers(bound, fleet))
            _say_ready(settings, serving.bound_address(plain) if plain else None, hub, https=bound)
            with suppress(OSError, ValueError):  # nobody may listen
                print(welcome(settings, bound.port, os.fstat(sys.stdout.fileno()).st_mode), flush=True)

        failure = serving.serve(settings, listener, ready, fleet.certificate, plain)
        service.stopping()
    if failure:
        raise CommandFailed(failure)


def _bind(address: Address, option: str) -> socket.socket:
    """A listening socket. A server that was told to stop may need a moment to let go of it."""
    from pi_auto.server import serving  # noqa: PLC0415 - see above

    deadline = time.monotonic() + _LET_GO_WITHIN
    while True:
        try:
            return serving.bind(address)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            if not taken or time.monotonic() > deadline:
                remedy = "end what uses it or name another" if taken else "name another"
                raise CommandFailed(
                    f"cannot listen on {address}: {error.strerror}; {remedy} with {option}"
                ) from error
        time.sleep(0.1)


def _run_without_http(settings: Settings) -> None:
    """Only the hub and the books, in this one process."""
    from pi_auto.server.context import open_context  # noqa: PLC0415 - see above
    from pi_auto.server.links.base import HubFailed  # noqa: PLC0415 - see above
    from pi_auto.server.links.local import LocalLink  # noqa: PLC0415 - see above
    from pi_auto.server.store.engine import StoreError  # noqa: PLC0415 - see above

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with closing(open_context(settings)) as context:
            hub = context.link.wait_bound(_ANSWERS_WITHIN) if isinstance(context.link, LocalLink) else None
            service = Service()
            service.attend(lambda: True)
            _say_ready(settings, None, hub)
            stop.wait()
            service.stopping()
    except (StoreError, HubFailed) as error:
        raise CommandFailed(str(error)) from error


def _wait_for_answer(bound: Address, fleet: Fleet | None = None) -> None:
    """Wait until a request is answered, whatever the answer: ready means that it works, not that it started."""
    deadline = time.monotonic() + _ANSWERS_WITHIN
    while time.monotonic() < deadline:
        if _answers(bound, fleet):
            return
        time.sleep(0.05)
    _log.warning("the server does not answer on %s", bound)


def _answers(bound: Address, fleet: Fleet | None = None) -> bool:
    address = ipaddress.ip_address(bound.host)
    host = bound.host
    if address.is_unspecified:
        host = "::1" if address.version == 6 else "127.0.0.1"
    try:
        with closing(_connection(host, bound.port, fleet)) as connection:
            connection.request("GET", "/api/health")
            connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    return True


def _connection(host: str, port: int, fleet: Fleet | None) -> http.client.HTTPConnection:
    """A connection to ourselves, by the name that devices verify where there is a fleet."""
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    if fleet:
        context = ssl.create_default_context(cadata=fleet.authority.pem)
        plain = socket.create_connection((host, port), timeout=_PATIENCE)
        try:
            connection.sock = context.wrap_socket(plain, server_hostname=server_name(fleet.fleet_id))
        except BaseException:
            plain.close()
            raise
    return connection


def _say_ready(
    settings: Settings, bound: Address | None, hub: Address | None, *, https: Address | None = None
) -> None:
    said = ({"https": https} if https else {}) | {
        "http": bound or "off",
        "hub-mqtt": hub or "off",
        "data": settings.data,
    }
    words = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in said.items())
    with suppress(OSError):  # whoever started it may not listen any more
        print(f"pi-auto-server ready: {words}", flush=True)


def _settings(options: argparse.Namespace) -> Settings:
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


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="pi-auto-server", description=_ABOUT, epilog=_EXAMPLES, formatter_class=raw
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "run", help="serve until stopped", description=_ABOUT, epilog=_EXAMPLES, formatter_class=raw
    )
    command.set_defaults(command=lambda options: run(_settings(options)))
    add_options(command)
    add_commands(commands)
    add_capacity(commands)
    add_admin(commands)
    add_backups(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
