"""The command `pi-auto-server`."""

from __future__ import annotations

import argparse
import errno
import http.client
import ipaddress
import logging
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from pi_auto.logs import start_logging
from pi_auto.server.commands import add_commands
from pi_auto.server.links.azure.settings import AzureSettings
from pi_auto.server.options import HUB_MQTT, add_options
from pi_auto.server.settings import OFF, Address, Settings, SettingsError, is_azure
from pi_auto.server.sizing import add_capacity
from pi_auto.version import __version__

_ABOUT = """\
The fleet server of Pi Auto Client: devices register and deliver their scans here, people
watch them arrive on the page, scripts read them. It runs a local hub beside itself, unless the
fleet's hub is at Azure.
"""
_EXAMPLES = """\
examples:
  pi-auto-server run --data ~/pi-auto
      API and page on http://127.0.0.1:5000, the hub on 127.0.0.1:1883
  pi-auto-server run --data /srv/pi-auto --http 0.0.0.0:5000 --insecure-plain-http --hub-mqtt off
      for a network that you trust, devices deliver by the API alone
  pi-auto-server run --data /srv/pi-auto --hub azure --azure-service-file service --azure-events-file events
      the fleet's hub is an Azure IoT Hub; docs/azure.md says what to set up there

When it answers it prints one line, `pi-auto-server ready: http=ADDRESS:PORT hub-mqtt=ADDRESS:PORT data=DIR`.
It stops on SIGTERM or Ctrl-C, within five seconds. Whatever it acknowledged survives a kill.
"""
_ANSWERS_WITHIN = 20.0  # seconds
_LET_GO_WITHIN = 2.0
_log = logging.getLogger(__name__)


class CommandFailed(Exception):  # noqa: N818 - it reads as the sentence it is
    """The command cannot do what it was asked; the sentence says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it ended as it should."""
    options = _parser().parse_args(arguments)
    start_logging(getattr(options, "log_level", "WARNING"))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from pi_auto.server.links.base import HubFailed, HubUnavailable  # noqa: PLC0415 - --help does not need it

    try:
        if said := options.command(options):
            print(said)
    except (CommandFailed, SettingsError, HubFailed, HubUnavailable) as error:
        print(f"pi-auto-server: {error}", file=sys.stderr)
        return 1
    return 0


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises CommandFailed."""
    if settings.http is None:
        _run_without_http(settings)
        return
    from pi_auto.server import serving  # noqa: PLC0415 - takes a while to load, and --help does not need it
    from pi_auto.server.links.supervisor import holds_address  # noqa: PLC0415 - see above

    if settings.hub_mqtt and not holds_address(settings.data, settings.hub_mqtt):
        _bind(settings.hub_mqtt, "--hub-mqtt").close()  # the hub binds it itself; this is for the sentence
    listener = _bind(settings.http, "--http")
    with listener:
        bound = serving.bound_address(listener)

        def ready(hub: Address | None) -> None:
            _wait_for_answer(bound)
            _say_ready(settings, bound, hub)

        failure = serving.serve(settings, listener, ready)
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
            _say_ready(settings, None, hub)
            stop.wait()
    except (StoreError, HubFailed) as error:
        raise CommandFailed(str(error)) from error


def _wait_for_answer(bound: Address) -> None:
    """Wait until a request is answered, whatever the answer: ready means that it works, not that it started."""
    address = ipaddress.ip_address(bound.host)
    loopback = "::1" if address.version == 6 else "127.0.0.1"
    deadline = time.monotonic() + _ANSWERS_WITHIN
    while time.monotonic() < deadline:
        host = loopback if address.is_unspecified else bound.host
        with closing(http.client.HTTPConnection(host, bound.port, timeout=5)) as connection:
            try:
                connection.request("GET", "/api/health")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
            else:
                return
    _log.warning("the server does not answer on %s", bound)


def _say_ready(settings: Settings, bound: Address | None, hub: Address | None) -> None:
    said = {"http": bound or "off", "hub-mqtt": hub or "off", "data": settings.data}
    words = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in said.items())
    with suppress(OSError):  # whoever started it may not listen any more
        print(f"pi-auto-server ready: {words}", flush=True)


def _settings(options: argparse.Namespace) -> Settings:
    if not options.data:
        raise SettingsError("no data folder is named; name one with --data DIR or PI_AUTO_DATA")
    azure = _azure(options) if is_azure(options.hub) else None
    hub_mqtt = options.hub_mqtt or (OFF if azure else HUB_MQTT)
    if options.http == hub_mqtt == OFF and not azure:
        raise SettingsError("--http and --hub-mqtt are both off: there is nothing to serve")
    return Settings(
        data=Path(options.data).absolute(),
        http=Address.parse(options.http, "--http"),
        hub_mqtt=Address.parse(hub_mqtt, "--hub-mqtt"),
        azure=azure,
        public_url=options.public_url,
        insecure_plain_http=options.insecure_plain_http,
        insecure_plain_mqtt=options.insecure_plain_mqtt,
        heartbeat_interval=options.heartbeat_interval,
        update_interval=options.update_interval,
    )


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
    return parser


if __name__ == "__main__":
    sys.exit(main())
