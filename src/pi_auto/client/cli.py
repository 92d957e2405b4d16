"""The command `pi-auto-client`: reads the command line and hands over to the part that is asked for.

Every part is imported only when it is needed, so that the capture process never loads
network code and `replay` needs nothing of the agent.
"""

from __future__ import annotations

if __name__ == "__main__":
    from pi_auto.starting import hush, started

    hush()  # Ctrl-C may come while all of this is loaded

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pi_auto.client.commands import add_commands
from pi_auto.client.commands.options import Formatter
from pi_auto.client.logbook import FORMATS, TEXT
from pi_auto.client.services import run
from pi_auto.client.settings import DEFAULT_FILE, DEFAULT_STATE, LOG_LEVELS
from pi_auto.typed import Any
from pi_auto.version import __version__

_EXAMPLES = """examples:
  pi-auto-client run --server http://127.0.0.1:5000 --state ./pi        whatever scanner is plugged in
  pi-auto-client run --config ./pi.json --scanner /dev/input/event3     one scanner, settings from a file
  pi-auto-client record /dev/input/event3 codes.events                  make a recording of a scanner
  pi-auto-client replay codes.events                                    print what is in it, a JSON object a line
  pi-auto-client parse ']C10108053734093444\\x1d21XYZ'                    what a code means
  pi-auto-client status --state ./pi                                    who am I, how do I stand
  sudo pi-auto-client scanners --test                                   what each scanner sends, live
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    arguments = _parser().parse_args(argv)
    return run(lambda: arguments.command(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pi-auto-client",
        description="A barcode appliance: scans are stored durably, then delivered to server and IoT Hub.",
        epilog=_EXAMPLES,
        formatter_class=Formatter,
    )
    parser.add_argument("--version", action="version", version=f"pi-auto-client {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", prog=parser.prog)
    shared = _shared_options()
    add_commands(commands, _add, shared)
    return parser


def _add(
    commands: Any, name: str, command: Any, help_text: str, *parents: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, description=help_text, parents=list(parents), formatter_class=Formatter
    )
    parser.set_defaults(command=command)
    return parser


def _shared_options() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, formatter_class=Formatter)
    shared.add_argument("--config", type=Path, metavar="FILE", help=f"settings, JSON (default: {DEFAULT_FILE})")
    shared.add_argument("--state", metavar="DIR", help=f"where all is kept (default: {DEFAULT_STATE})")
    shared.add_argument("--server", dest="server_url", metavar="URL", help="such as https://fleet.example:5443")
    shared.add_argument(
        "--proxy", metavar="URL", help="the site's HTTP proxy, http://HOST:PORT; it is given no user or password"
    )
    shared.add_argument(
        "--scanner", metavar="SCANNER", help="auto, a device, or replay:FILE, played at each start (default: auto)"
    )
    shared.add_argument("--log-level", choices=LOG_LEVELS, help="(default: INFO)")
    shared.add_argument("--log-format", choices=FORMATS, help=f"of the log lines of services (default: {TEXT})")
    shared.add_argument(
        "--insecure-plain-http", action="store_true", default=None,
        help="allow a server without TLS across a network: anybody there can read barcodes and credentials",
    )  # fmt: skip
    shared.add_argument(
        "--trust-first-server", action="store_true", default=None,
        help="for laboratories: without a fleet card, belong to whichever server answers first",
    )  # fmt: skip
    return shared


if __name__ == "__main__":
    sys.exit(started(main))
