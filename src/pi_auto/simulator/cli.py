"""`pi-auto-sim`: a demo of everything, or virtual Pis for a server that runs elsewhere."""

from __future__ import annotations

if __name__ == "__main__":
    from pi_auto.starting import hush, started

    hush()  # Ctrl-C may come while all of this is loaded

import argparse
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from types import FrameType
from typing import Any

from pi_auto.logs import have_stdout
from pi_auto.simulator.codes import CODES
from pi_auto.simulator.demo import run_demo
from pi_auto.simulator.pi import VirtualPi
from pi_auto.simulator.program import ProgramFailed
from pi_auto.simulator.typist import untypeable
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.ids import device_id_from

EXAMPLES = """examples:
  pi-auto-sim demo                      server, hub and a virtual Pi; prints the page to open
  pi-auto-sim demo --once               ten codes, the way of each in milliseconds, then the end
  pi-auto-server fleet card --data ./data --batch virtual --address 127.0.0.1:5443 > fleet.json
  pi-auto-sim pi --state /tmp/pi1 --card fleet.json
  pi-auto-sim pi --state /tmp/pi2 --card fleet.json --serial 0000000012345678 --count 100 --pause 0.2
"""
_MOST_PAUSE = 86400  # seconds


def main(argv: list[str] | None = None) -> int:
    """Run one of the simulator's commands; the exit code."""
    have_stdout()
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        code = 0
    except (OSError, ProgramFailed) as error:
        told = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        print(f"pi-auto-sim: {told}", file=sys.stderr)
        code = 1
    return code


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pi-auto-sim",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_pi(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser("demo", help="server, hub and one virtual Pi")
    demo.add_argument("--once", action="store_true", help="play ten codes, show the way of each, end")
    demo.add_argument("--data", type=Path, help="keep everything in this folder (default: a temporary one)")
    demo.add_argument(
        "--https", default="127.0.0.1:5443", metavar="ADDRESS:PORT", type=_address, help="where the page is served"
    )
    demo.add_argument(
        "--http", default="127.0.0.1:5000", metavar="ADDRESS:PORT", type=_address, help="the port without TLS"
    )
    demo.set_defaults(run=_demo)


def _add_pi(commands: Any) -> None:
    pi = commands.add_parser("pi", help="one virtual Pi: the real client with a virtual scanner")
    pi.add_argument("--state", type=Path, required=True, help="the folder of this Pi; use it again to go on")
    pi.add_argument("--card", type=Path, metavar="FILE", help="the card of the fleet that it belongs to")
    pi.add_argument("--server", default="", metavar="URL", help="a server without a fleet, instead of a card")
    pi.add_argument(
        "--serial",
        default="00000000decade02",
        type=_serial,
        help="CPU serial in hex; its last eight digits name it",
    )
    pi.add_argument("--scanner", help="a real or recorded one instead: auto, a device, or replay:FILE")
    pi.add_argument("--codes", type=Path, help="a text file with a code a line, instead of the built-in ten")
    pi.add_argument("--pause", type=_pause, default=3.0, metavar="SECONDS", help="between two codes (default 3)")
    pi.add_argument(
        "--count", type=_count, metavar="N", help="read N codes, then only run (default: read for ever)"
    )
    pi.set_defaults(run=_pi)


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    try:
        IPv4Address(host)
        fits = port.isascii() and port.isdigit() and int(port) < 65536
    except ValueError:
        fits = False
    if not fits:
        raise argparse.ArgumentTypeError(f"{text!r} is no IPv4 address and port, such as 127.0.0.1:5443")
    return text


def _serial(text: str) -> str:
    try:
        device_id_from(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _pause(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= _MOST_PAUSE:  # which nan is not
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {_MOST_PAUSE}")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 999999999")
    return int(text)


def _demo(options: argparse.Namespace) -> int:
    say = partial(print, flush=True)
    return run_demo(options.data, options.http, options.https, once=options.once, say=say)


def _pi(options: argparse.Namespace) -> int:
    codes = _codes(options.codes)
    with VirtualPi(options.state, _home(options), options.serial, scanner=options.scanner) as pi:
        print(f"pi-auto-sim ready: device={pi.device_id} state={options.state} log={pi.log}", flush=True)
        read = 0
        while options.count is None or read < options.count:
            if pi.scanner:
                pi.scanner.type(codes[read % len(codes)])
            read += 1
            time.sleep(options.pause)
        signal.pause()
    return 0


def _home(options: argparse.Namespace) -> FleetCard | str:
    if not options.card:
        if not options.server:
            raise OSError("name the fleet with --card FILE (`pi-auto-server fleet card` prints one)")
        return str(options.server)
    try:
        return FleetCard.parse(options.card.read_bytes())
    except FieldError as error:
        raise OSError(f"{options.card} is no fleet card: {error}") from error


def _codes(path: Path | None) -> list[str]:
    if path is None:
        return list(CODES)
    try:
        codes = path.read_text().splitlines()
    except UnicodeDecodeError as error:
        raise OSError(f"{path} is no text in UTF-8: {error.reason} at byte {error.start}") from error
    for number, code in enumerate(codes, 1):
        if untypeable(code):
            raise OSError(f"{path}:{number}: a US keyboard has no key for {untypeable(code)!r}")
    if not codes:
        raise OSError(f"{path}: there is no code in it; one a line is expected")
    return codes


if __name__ == "__main__":
    sys.exit(started(main))
