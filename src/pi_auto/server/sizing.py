"""The command `pi-auto-server capacity`: which Azure IoT Hub a fleet needs, in words or as JSON.

Numbers come in from the command line; a table, the choice and ways to need less go out. It reads
nothing and asks nobody.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from pi_auto.server.capacity import Fleet, Need, cheapest, load_of, needs

_ABOUT = "reckon which tier of Azure IoT Hub a fleet needs, and how many units"
_EXAMPLES = """\
examples:
  pi-auto-server capacity --devices 10000 --scans-per-day 500
      a heartbeat each 30 s, each scan sent by itself
  pi-auto-server capacity --devices 10000 --scans-per-day 500 --heartbeat 300 --batch 10
      the same fleet with fewer heartbeats and ten scans in a message

Reckoned at the busiest: the day's scans within eight hours, all devices back within two minutes of an outage.
"""
_SLOWER = (
    (300, "a heartbeat each 300 s"),
    (900, "a heartbeat each 900 s, with presence from the hub's connection events"),
)


def add_capacity(commands: Any) -> None:
    """Add the command to a command line."""
    command = commands.add_parser(
        "capacity", help=_ABOUT, description=_ABOUT, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.set_defaults(command=say_capacity)
    add = command.add_argument
    add("--devices", metavar="N", type=whole(1, 1_000_000), required=True, help="how many devices there are")
    add(
        "--scans-per-day", metavar="M", type=whole(0, 1_000_000), required=True,
        help="how many scans one device takes on a busy day",
    )  # fmt: skip
    add(
        "--heartbeat", metavar="S", type=whole(10, 3600), default=30,
        help="seconds between a device's heartbeats (%(default)s)",
    )  # fmt: skip
    add(
        "--batch", metavar="N", type=whole(1, 500), default=1,
        help="scans in one message to the hub; a device sends each by itself (%(default)s)",
    )  # fmt: skip
    add("--json", action="store_true", help="as JSON, for a script")


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an option that is a whole number within limits."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 12) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from {least} to {most}")
        return int(text)

    return number


def say_capacity(options: argparse.Namespace) -> str:
    """What to print."""
    fleet = Fleet(options.devices, options.scans_per_day, options.heartbeat, options.batch)
    choices = needs(fleet)
    return as_json(fleet, choices) if options.json else in_words(fleet, choices)


def as_json(fleet: Fleet, choices: list[Need]) -> str:
    """Everything that was reckoned."""
    best = cheapest(choices)
    tiers = {
        need.tier: {name: value for name, value in asdict(need).items() if name != "tier"} for need in choices
    }
    said = {
        "fleet": asdict(fleet),
        "load": load_of(fleet),
        "tiers": tiers,
        "cheapest": best and {"tier": best.tier, "units": best.units},
        "to_need_less": advice(fleet),
    }
    return json.dumps(said, indent=2)


def in_words(fleet: Fleet, choices: list[Need]) -> str:
    """A line a tier, the choice, and what to change."""
    load, best = load_of(fleet), cheapest(choices)
    lines = [f"{limit:<38}{value:>14,.1f}" for limit, value in load.items()]
    lines += ["", *(_line(need) for need in choices), ""]
    lines.append(
        f"cheapest: {_units(best)}" if best else "no single hub will do: share the devices out among several hubs"
    )
    return "\n".join([*lines, *(f"to need less: {line}" for line in advice(fleet))])


def advice(fleet: Fleet) -> list[str]:
    """What would make the cheapest choice cheaper, each with what it comes to."""
    now = cheapest(needs(fleet))
    lines = []
    for heartbeat, words in _SLOWER:
        then = cheapest(needs(replace(fleet, heartbeat=max(heartbeat, fleet.heartbeat))))
        if then and (now is None or (then.price or 0) < (now.price or 0)):
            lines.append(f"{words}: {_units(then)}")
    return lines


def _line(need: Need) -> str:
    if need.units is None:
        return f"{need.tier}: not at any number of units, for its {need.limit}"
    return f"{need.tier}: {_count(need.units)}, for its {need.limit}"


def _units(need: Need) -> str:
    return f"{_count(need.units or 0)} of {need.tier}"


def _count(units: int) -> str:
    return f"{units} unit{'' if units == 1 else 's'}"
