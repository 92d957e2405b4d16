"""`pi-auto-server audit`: shows what devices were had to do and what was decided about them, in the order of time.

Calls are in a file of their own, decisions in the books (docs/decisions/0025).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pi_auto.wire.escape import printable
from pi_auto.wire.times import format_time, parse_time, time_or_none

_AGO = re.compile(r"(\d{1,5})([mhd])\Z")
_AS_STORED = "%Y-%m-%d %H:%M:%S.%f"
_Shown = tuple[datetime, str, dict[str, Any]]
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_EXAMPLES = """\
examples:
  pi-auto-server audit --data /srv/pi-auto --since 7d
  pi-auto-server audit --data /srv/pi-auto --device pi-1a2b3c4d --since 2026-11-01T00:00:00Z --json

Calls of devices, and decisions: who was taken in, refused or shut out, who signed in. A call is noted
before it is sent, and once more when it is known what came of it; one that has no outcome is under way,
or whoever made it was killed. What strangers are refused is a line an hour for each network, with a count.
"""


def add_audit(commands: Any) -> None:
    """Add it to a command line."""
    about = "show what was asked of devices and decided about them, by whom, and what came of it"
    audit = commands.add_parser(
        "audit", help=about, description=about, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    audit.set_defaults(command=show_audit)
    audit.add_argument(
        "--device", metavar="DEVICE", help="of this device alone, by its id (or of another subject)"
    )
    audit.add_argument(
        "--since",
        metavar="TIME",
        type=since,
        help="from then on: 2026-11-23T12:00:00Z, or so long ago: 30m, 2h, 7d",
    )
    audit.add_argument("--json", action="store_true", help="one JSON object a line")


def show_audit(options: argparse.Namespace) -> str:
    """The lines to show. Raises AuditError."""
    data = Path(options.data).absolute()
    shown = [*_calls(data, options), *_decisions(data, options)]
    shown.sort(key=lambda one: one[0])
    lines = [json.dumps(value) if options.json else line for _, line, value in shown]
    return "\n".join(lines) or ("" if options.json else "nothing was asked or decided in that time")


def _calls(data: Path, options: argparse.Namespace) -> Iterator[_Shown]:
    from pi_auto.server.calls.trail import AUDIT, Trail  # noqa: PLC0415 - takes a while to load

    if (data / AUDIT).exists():
        for entry in Trail.open(data).read(device_id=options.device, since=options.since):
            yield entry.at, as_line(entry), as_json(entry)


def _decisions(data: Path, options: argparse.Namespace) -> Iterator[_Shown]:
    from pi_auto.server.calls.reaching import decisions  # noqa: PLC0415 - see above

    begin = (options.since or datetime(1970, 1, 1, tzinfo=UTC)).astimezone(UTC)
    for row in decisions(data, options.device, begin.strftime(_AS_STORED)):
        decision = decision_of(row)
        yield decision["moment"], line_of(decision), told_of(decision)


def decision_of(row: Sequence[Any]) -> dict[str, Any]:
    """A row of the audit trail with its names. Times are stored in UTC."""
    at, actor, action, subject, outcome, detail, address, times, last_at = row
    named = {"moment": _moment(at), "who": actor, "action": action, "device_id": subject, "outcome": outcome}
    last = _moment(last_at) if last_at else None
    return named | {"payload": json.loads(detail), "address": address, "times": times, "last": last}


def line_of(decision: dict[str, Any]) -> str:
    """A decision on one line, safe for a terminal."""
    said = {name: value for name, value in decision["payload"].items() if value}
    payload = f" {json.dumps(said)}" if said else ""
    place = f" from {decision['address']}" if decision["address"] else ""
    often = f", {decision['times']} times" if decision["times"] > 1 else ""
    what = f"{decision['who']}  {decision['device_id']}  {decision['action']}{payload}"
    return printable(f"{decision['moment']:%Y-%m-%d %H:%M:%S} UTC  {what}  {decision['outcome']}{often}{place}")


def told_of(decision: dict[str, Any]) -> dict[str, Any]:
    """The same for a script."""
    moments = {"kind": "decision", "at": format_time(decision["moment"])}
    last = decision["last"]
    kept = {name: value for name, value in decision.items() if name not in {"moment", "last"}}
    return moments | kept | {"last_at": time_or_none(last)}


def _moment(stored: str) -> datetime:
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def as_line(entry: Any) -> str:
    """A call on one line, safe for a terminal."""
    call, ending = entry.call, entry.ending
    payload = f" {json.dumps(call.payload)}" if call.payload else ""
    came = "no outcome noted" if ending is None else ": ".join(filter(None, (ending.outcome, ending.said)))
    line = f"{entry.at:%Y-%m-%d %H:%M:%S} UTC  {call.who}  {call.device_id}  {call.action}{payload}  {came}"
    return printable(line)


def as_json(entry: Any) -> dict[str, Any]:
    """The same for a script."""
    call, ending = entry.call, entry.ending
    return {
        "kind": "call",
        "id": call.call,
        "at": format_time(entry.at),
        "who": call.who,
        "device_id": call.device_id,
        "action": call.action,
        "payload": call.payload,
        "outcome": ending.outcome if ending else None,
        "status": ending.status if ending else None,
        "said": ending.said if ending else None,
        "ended_at": time_or_none(entry.ended_at),
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
