"""The command `pi-auto-server`."""

from __future__ import annotations

if __name__ == "__main__":
    from pi_auto.starting import hush, started

    hush()  # Ctrl-C may come while all of this is loaded

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence

from pi_auto.logs import have_stdout, start_logging
from pi_auto.server.admin.commands import add_admin
from pi_auto.server.backups.commands import add_backups
from pi_auto.server.commands import add_commands
from pi_auto.server.errors import AuditError, CommandFailed
from pi_auto.server.loading import loading
from pi_auto.server.options import add_options
from pi_auto.server.settings import SettingsError
from pi_auto.server.sizing import add_capacity
from pi_auto.server.wanted import settings_of
from pi_auto.version import __version__

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


_USAGE_ERROR = 2  # as argparse has it
_SIGNALLED = 128  # and the number of the signal, as shells say it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it ended as it should, 2 where the command line or a variable cannot be used."""
    have_stdout()
    options = _parser().parse_args(arguments)
    start_logging(getattr(options, "log_level", "WARNING"))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from pi_auto.server.links.base import HubFailed, HubUnavailable  # noqa: PLC0415 - --help does not need it

    try:
        said = options.command(options)
    except SettingsError as error:
        print(f"pi-auto-server: {error}", file=sys.stderr)
        return _USAGE_ERROR
    except (CommandFailed, HubFailed, HubUnavailable, AuditError) as error:
        print(f"pi-auto-server: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _SIGNALLED + signal.SIGINT
    return _print(said) if said else 0


def _run(options: argparse.Namespace) -> None:
    settings = settings_of(options)
    with loading():
        from pi_auto.server.running import run  # noqa: PLC0415 - takes a while to load, and --help does not need it

    run(settings)


def _print(said: str) -> int:
    """Print an answer; the exit code. Its reader may have seen enough, and its disk may be full."""
    try:
        print(said, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is to be flushed at exit
        if isinstance(error, BrokenPipeError):  # `pi-auto-server audit | head`
            return _SIGNALLED + signal.SIGPIPE
        print(f"pi-auto-server: the answer cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


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
    command.set_defaults(command=_run)
    add_options(command)
    add_commands(commands)
    add_capacity(commands)
    add_admin(commands)
    add_backups(commands)
    return parser


if __name__ == "__main__":
    sys.exit(started(main))
