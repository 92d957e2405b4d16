"""`pi-auto-server audit`: shows what devices were had to do, by whom, and what came of it."""

from __future__ import annotations

import argparse
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pi_auto.wire.escape import printable
from pi_auto.wire.times import format_time, parse_time

_AGO = re.compile(r"(\d{1,5})([mhd])\Z")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_EXAMPLES = """\
examples:
  pi-auto-server audit --data /srv/pi-auto --since 7d
  pi-auto-server audit --data /srv/pi-auto --device pi-1a2b3c4d --since 2026-11-01T00:00:00Z --json

A call is noted before it is sent, and once more when it is known what came of it; one that has no
outcome is under way, or whoever made it was killed. The audit is a file of its own, audit.sqlite.
"""


def add_audit(commands: Any) -> None:
    """Add it to a command line."""
    about = "show what devices were had to do, by whom, and what came of it"
    audit = commands.add_parser(
        "audit", help=about, description=about, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    audit.set_defaults(command=show_audit)
    audit.add_argument("--device", metavar="DEVICE", help="of this device alone, by its id")
    audit.add_argument(
        "--since",
        metavar="TIME",
        type=since,
        help="from then on: 2026-11-23T12:00:00Z, or so long ago: 30m, 2h, 7d",
    )
    audit.add_argument("--json", action="store_true", help="one JSON object a line")


def show_audit(options: argparse.Namespace) -> str:
    """The lines to show. Raises AuditError."""
    from pi_auto.server.calls.trail import AUDIT, Trail  # noqa: PLC0415 - takes a while to load

    data = Path(options.data).absolute()
    if not (data / AUDIT).exists():
        return "" if options.json else f"nothing has been asked of any device of {data}"
    found = Trail.open(data).read(device_id=options.device, since=options.since)
    lines = [json.dumps(as_json(entry)) if options.json else as_line(entry) for entry in found]
    return "\n".join(lines) or ("" if options.json else "nothing was asked of a device in that time")


def as_line(entry: Any) -> str:
    """A call on one line, safe for a terminal."""
    call, ending = entry.call, entry.ending
    payload = f" {json.dumps(call.payload)}" if call.payload else ""
    came = "no outcome noted" if ending is None else f"{ending.outcome}: {ending.said}"
    line = f"{entry.at:%Y-%m-%d %H:%M:%S} UTC  {call.who}  {call.device_id}  {call.action}{payload}  {came}"
    return printable(line)


def as_json(entry: Any) -> dict[str, Any]:
    """The same for a script."""
    call, ending = entry.call, entry.ending
    return {
        "id": call.call,
        "at": format_time(entry.at),
        "who": call.who,
        "device_id": call.device_id,
        "action": call.action,
        "payload": call.payload,
        "outcome": ending.outcome if ending else None,
        "status": ending.status if ending else None,
        "said": ending.said if ending else None,
        "ended_at": format_time(entry.ended_at) if entry.ended_at else None,
    }


def since(text: str, now: datetime | None = None) -> datetime:
    """A moment as a person writes it. Raises ArgumentTypeError."""
    if ago := _AGO.match(text):
        return (now or datetime.now(UTC)) - int(ago[1]) * _UNITS[ago[2]]
    moment = parse_time(text)
    if moment is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; allowed: a time such as 2026-11-23T12:00:00Z, or 30m, 2h, 7d ago"
        )
    return moment
