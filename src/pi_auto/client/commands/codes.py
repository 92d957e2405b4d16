"""The commands about codes themselves, for the command line.

parse              what a code means
calibration-sheet  the sheet that teaches a device its scanner's keyboard layout, to print
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pi_auto.client.commands.options import Add
from pi_auto.client.settings import CommandLineError
from pi_auto.typed import Any

_STANDARD_INPUT = "-"
_PARSE = r"""examples:
  pi-auto-client parse 4006381333931                          an EAN-13 by its form
  pi-auto-client parse ']E404252614'                          the AIM identifier in front says EAN-8
  pi-auto-client parse --json ']C10108053734093444172612311012ABC\x1d21XYZ'
                                                              GS1-128; \x1d is the separator GS
  pi-auto-client parse 'https://id.gs1.org/01/08053734093444/10/L1'
                                                              a GS1 Digital Link
  some-program | pi-auto-client parse -                       the text on standard input
  pi-auto-client parse -- -12                                 a text that begins with a hyphen
All of it is advice, as in every scan: exit code 0 whatever the code is. 2: the command line cannot be used.
"""
_SHEET_FILE = "calibration-sheet.pdf"
_SHEET = """\
The code on the sheet teaches a device which keyboard layout a scanner types: scan it with a scanner that is new to
the device, or armed for it. The server gives out the same sheet at /calibration-sheet.pdf and .svg.
"""


def add_commands(commands: Any, add: Add, _: argparse.ArgumentParser) -> None:
    """Add them to a command line."""
    parse = add(commands, "parse", _parse, "say what a code means: symbology, GTIN, check digit, GS1's fields")
    parse.epilog = _PARSE
    parse.add_argument("text", metavar="TEXT", help="the code as received, or - for standard input")
    parse.add_argument("--json", action="store_true", help="as one JSON object")
    sheet = add(
        commands, "calibration-sheet", _calibration_sheet, "write the sheet that teaches a scanner's layout"
    )
    sheet.epilog = _SHEET
    sheet.add_argument(
        "--output",
        type=Path,
        default=Path(_SHEET_FILE),
        metavar="FILE",
        help=f".pdf or .svg (default: {_SHEET_FILE})",
    )


def _parse(arguments: argparse.Namespace) -> int:
    from pi_auto.client.capture.meaning.parse import parse  # noqa: PLC0415 - loaded when needed

    text = _read() if arguments.text == _STANDARD_INPUT else arguments.text
    return parse(text, sys.stdout, as_json=arguments.json)


def _calibration_sheet(arguments: argparse.Namespace) -> int:
    from pi_auto.files import write_whole  # noqa: PLC0415 - loaded when needed
    from pi_auto.sheet.printing import FORMS, printed  # noqa: PLC0415 - loaded when needed

    file: Path = arguments.output
    form = file.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise CommandLineError(f"--output is {file}; allowed: a name that ends in .{' or .'.join(FORMS)}")
    try:
        write_whole(file, printed(form)[1], durable=False)
    except OSError as error:
        raise SystemExit(f"pi-auto-client calibration-sheet: {file}: {error.strerror}") from None
    print(f"{file} is written: print it, and scan the code on it")
    return 0


def _read() -> str:
    """Standard input without the line end that a shell's `echo` adds."""
    if sys.stdin is None:  # closed by who started this
        raise CommandLineError("there is no standard input; allowed: the text itself, or a standard input")
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
