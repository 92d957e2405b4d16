"""Commands of `pi-auto-server` beside `run`: what an operator does on the server's own machine.

They speak to the local hub that runs, over its socket, which only the server's user can open, or
to the hub at Azure.

scanner   set the layout of a scanner, say what it is, let it read a calibration code
device    have a device do something now (calls/command.py)
audit     show who had which device do what (calls/audit.py)
"""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path
from typing import Any

from pi_auto.server.calls.audit import add_audit
from pi_auto.server.calls.command import add_device
from pi_auto.server.data_folder import existing_data
from pi_auto.server.hub_options import add_hub
from pi_auto.server.settings import SettingsError
from pi_auto.wire.scan import MOST_SCANNER_ID
from pi_auto.wire.scanner_settings import KINDS, LAYOUTS, NONE, SCANNERS, changes, key_of

_SCANNER = "set how a device is to read one of its scanners"
_EXAMPLES = """\
examples:
  pi-auto-server scanner --data /srv/pi-auto pi-1a2b3c4d usb-05e0:1200-7 --layout fr
      the scanner is set to a French keyboard
  pi-auto-server scanner --data /srv/pi-auto pi-1a2b3c4d usb-05e0:1200-7 --calibrate
      it may learn its layout from the next calibration code that it reads
  pi-auto-server scanner --data /srv/pi-auto pi-1a2b3c4d usb-046d:c31c --kind keyboard
      what was taken for a scanner is a person's keyboard, and is let go of
  pi-auto-server scanner --data /srv/pi-auto pi-1a2b3c4d usb-046d:c31c --forget
      whatever the device has learned of it was an error: it is judged anew
  pi-auto-server scanner --data /srv/pi-auto pi-1a2b3c4d usb-046d:c31c --layout none --kind none
      nothing is set any more; what the device had learned itself holds again

A device reports its scanners with their ids: /api/pi_device/DEVICE, `reported`, `scanners`. What is set
reaches it at once, or when it is back.
"""


def add_commands(commands: Any) -> None:
    """Add them to a command line. Each wants the data folder of the server that runs."""
    for add in (_add_scanner, add_device, add_audit):
        add(commands)
    for name in ("scanner", "device", "audit"):
        _add_data(commands.choices[name])
    for name in ("scanner", "device"):
        add_hub(commands.choices[name].add_argument)


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", metavar="DIR", default=os.environ.get("PI_AUTO_DATA"),
        help="the folder that the running server keeps everything in (default: PI_AUTO_DATA)",
    )  # fmt: skip
    run = command.get_default("command")
    command.set_defaults(command=lambda options: run(_with_data(options)))


def _with_data(options: argparse.Namespace) -> argparse.Namespace:
    existing_data(options.data)
    return options


def _add_scanner(commands: Any) -> None:
    scanner = commands.add_parser(
        "scanner", help=_SCANNER, description=_SCANNER, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    scanner.set_defaults(command=set_scanner)
    scanner.add_argument("device", metavar="DEVICE", help="the device's id")
    scanner.add_argument("scanner", metavar="SCANNER", help="the scanner's id, as the device reports it")
    scanner.add_argument("--layout", choices=(*LAYOUTS, NONE), help="the keyboard that the scanner is set to")
    scanner.add_argument("--kind", choices=(*KINDS, NONE), help="what it is, whatever its typing looks like")
    scanner.add_argument("--calibrate", action="store_true", help="let it read one calibration code")
    scanner.add_argument("--forget", action="store_true", help="let the device forget what it has learned of it")


def set_scanner(options: argparse.Namespace) -> str:
    """Hand the settings to the hub; what to say. Raises CommandFailed, and SettingsError for the command line."""
    from pi_auto.server.calls import asking, reaching  # noqa: PLC0415 - take a while to load

    patch = changes(vars(options), lambda: secrets.token_hex(4))
    if not patch:
        raise SettingsError("name --layout, --kind, --calibrate or --forget")
    if not 0 < len(options.scanner) <= MOST_SCANNER_ID:
        raise SettingsError(
            f"the scanner's id has {len(options.scanner)} characters;"
            f" allowed: 1 to {MOST_SCANNER_ID}, as the device reports it"
        )
    wished = {SCANNERS: {key_of(options.scanner): patch}}
    data = Path(options.data).absolute()
    asking.set_desired(reaching.hub_of(options), data, options.device, "set_scanner", wished)
    return f"set for scanner {options.scanner} of {options.device}; it reports back when it follows"
