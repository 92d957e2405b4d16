"""The command `scanners`: what is plugged in, what each scanner sends, and what one is to be set to."""

from __future__ import annotations

import argparse
import sys

from pi_auto.client.commands.options import Add, seconds
from pi_auto.client.services import given
from pi_auto.client.settings import CommandLineError
from pi_auto.typed import Any


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add it to a command line; `shared` has the options of all settings."""
    scanners = add(commands, "scanners", _scanners, "list the scanners, or show live what they send", shared)
    scanners.epilog = (
        "`sudo pi-auto-client scanners --test` takes the place of `cat /dev/input/event0`, which shows nothing "
        "while capture has the scanner. What it shows is stored and delivered like any other scan."
    )
    scanners.add_argument("--json", action="store_true", help="the list as one JSON object")
    scanners.add_argument("--test", action="store_true", help="show what is scanned from now on, byte for byte")
    scanners.add_argument(
        "--seconds", type=seconds, metavar="N", help="with --test: end after so long (default: at Ctrl-C)"
    )
    scanners.add_argument("--set", metavar="ID", help="set something of one scanner, named by its id in the list")
    scanners.add_argument("--layout", metavar="LAYOUT", help="with --set: the keyboard it is set to, or none")
    scanners.add_argument("--kind", metavar="KIND", help="with --set: scanner or keyboard, or none: judge it")
    scanners.add_argument("--calibrate", action="store_true", help="with --set: let it read one calibration code")
    scanners.add_argument("--forget", action="store_true", help="with --set: forget what was learned of it")


def _scanners(arguments: argparse.Namespace) -> int:
    from pi_auto.client.last_good import load_to_look  # noqa: PLC0415 - loaded when needed

    if arguments.test and arguments.json:
        raise CommandLineError("--json is of the list, and not of --test")
    if arguments.seconds and not arguments.test:
        raise CommandLineError("--seconds is of --test")
    wishes = _checked_wishes(arguments)
    settings, fault = load_to_look(arguments.config, given(arguments))
    if fault:
        print(f"pi-auto-client scanners: {fault}", file=sys.stderr)
    if wishes:
        from pi_auto.client.status.setting import set_scanner  # noqa: PLC0415 - loaded when needed

        return set_scanner(settings, arguments.set, wishes)
    if arguments.test:
        from pi_auto.client.status.trying import try_scanners  # noqa: PLC0415 - loaded when needed

        return try_scanners(settings, arguments.seconds)
    from pi_auto.client.status.devices import show  # noqa: PLC0415 - loaded when needed

    return show(settings, as_json=arguments.json)


def _checked_wishes(arguments: argparse.Namespace) -> dict[str, str | bool]:
    """What is to be set of a scanner, by the names of the options. Raises CommandLineError."""
    from pi_auto.wire.scanner_settings import KINDS, LAYOUTS  # noqa: PLC0415 - loaded when needed

    wishes = {name: getattr(arguments, name) for name in ("layout", "kind", "calibrate", "forget")}
    wishes = {name: value for name, value in wishes.items() if value}
    for name, allowed in {"layout": LAYOUTS, "kind": KINDS}.items():
        if wishes.get(name) not in (None, *allowed, "none"):
            raise CommandLineError(f"--{name} is {wishes[name]!r}; allowed: {', '.join(allowed)}, none")
    if bool(wishes) != bool(arguments.set):
        raise CommandLineError("--set ID and at least one of --layout, --kind, --calibrate, --forget go together")
    return wishes
