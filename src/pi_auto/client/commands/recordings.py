"""The commands `replay` and `record`: a scanner's key events, kept in a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pi_auto.client.commands.options import Add
from pi_auto.typed import Any


def add_commands(commands: Any, add: Add, _: argparse.ArgumentParser) -> None:
    """Add them to a command line."""
    replay = add(commands, "replay", _replay, "print what a recording holds, a JSON object a line")
    replay.add_argument("file", type=Path, metavar="FILE", help="a recording in evemu's format")
    replay.add_argument("--layout", default="us", help="the keyboard that the scanner is set to (default: us)")
    record = add(commands, "record", _record, "record a scanner's key events")
    record.add_argument("device", type=Path, metavar="DEVICE", help="such as /dev/input/event3")
    record.add_argument("file", type=Path, metavar="FILE", help="where the recording goes")


def _replay(arguments: argparse.Namespace) -> int:
    from pi_auto.client.capture.replay import replay  # noqa: PLC0415 - loaded when needed

    return replay(arguments.file, sys.stdout, arguments.layout)


def _record(arguments: argparse.Namespace) -> int:
    from pi_auto.client.capture.record import record  # noqa: PLC0415 - loaded when needed

    return record(arguments.device, arguments.file)
