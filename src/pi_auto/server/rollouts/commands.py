"""The commands `rollout …` of `pi-auto-server`: from a plan to a fleet that runs the release, or out of it."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pi_auto.server.admin.asking import action_of, ask
from pi_auto.server.rollouts import words
from pi_auto.server.sizing import whole

# Said twice, since what a stage is must be known without loading the server: see stages.USUAL.
_STAGES = "tag:lab/1h 1%/1h 5%/4h 25%/24h 50%/24h 100%/1h"
_ABOUT = "bring a release to the fleet in stages, watched, and stopped by itself when it fails"
_TEACHES = """\
A roll-out goes through stages, written as WHOM/HOW LONG, divided by spaces:

  tag:lab/1h      devices with the tag lab, watched for an hour
  group:shops/24h devices of the group shops, for a day
  5%/4h           the first twentieth of the fleet, for four hours; which devices those are is another
                  lot in every roll-out, and stays the same within one

Each stage adds to those before it. It goes on when its time is over and 95 % of the devices that it has reached
run the release. It pauses by itself when failures are 3 or more and 2 % or more of those that have finished. A
device that says nothing for 2 hours counts as failed; none is tried more than twice.

how it goes:
  pi-auto-server rollout plan 2.1.0                   prints the roll-out's number, such as 3; nothing happens yet
  pi-auto-server rollout simulate 3                   who would get it, and when
  pi-auto-server rollout start 3
  pi-auto-server rollout show 3                       how far it is, what has failed, what it waits for
  pi-auto-server rollout report 3 --csv > devices.csv each device
  pi-auto-server rollout pause 3 --why "tills beep"   offers nothing more; devices under way finish
  pi-auto-server rollout resume 3                     goes on; what has failed so far counts no more
  pi-auto-server rollout abort 3                      ends it for good

in an emergency:
  pi-auto-server rollout start 3 --at-once            every device when it asks next, outside of windows too

when devices may be updated, and which:
  pi-auto-server rollout window --days mon-fri --from 22:00 --to 05:00 --zone Europe/Rome
  pi-auto-server rollout window --group shops-us --days all --from 01:00 --to 04:00 --zone America/New_York
  pi-auto-server device tag pi-1a2b3c4d lab           pi-auto-server device group pi-1a2b3c4d shops
  pi-auto-server device pin pi-1a2b3c4d 2.0.3         this release and no other; device unpin takes it back

A release that is bad is taken back by `rollout abort`; devices that run it get the old code as a new release,
since no device ever goes back to a lower counter. A release that is withdrawn is offered to nobody.
"""


def add_rollout(commands: Any) -> None:
    """Add them to a command line."""
    parser = commands.add_parser(
        "rollout", help=_ABOUT, description=_ABOUT, epilog=_TEACHES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    group = parser.add_subparsers(required=True, metavar="ACTION")
    _add_plan(group)
    _add_moves(group)
    action_of(group, "list", "list the roll-outs, the newest first", "rollout list", words.listed)
    add = _of_one(group, "show", "show one: stages, figures, failures, what it waits for", words.shown)
    add("--json", action="store_true", help="as JSON, for a script")
    group.choices["show"].set_defaults(command=_show)
    _add_pages(group)
    _add_window(group)


def _add_plan(group: Any) -> None:
    about = "plan one; nothing happens before it is started"
    add = action_of(group, "plan", about, "rollout plan", words.planned)
    add("version", metavar="VERSION", help="a release of `pi-auto-server release list`")
    usual = _STAGES.replace("%", "%%")
    add("--stages", metavar="STAGES", help=f"whom, and how long each is watched ({usual})")
    add("--success", metavar="PERCENT", type=whole(1, 100),
        help="of those reached that have to run it before it goes on (95)")  # fmt: skip
    add("--failures", metavar="N", type=whole(1, 1_000_000), help="so many failures pause it, (3)")
    add("--failure-percent", metavar="PERCENT", type=whole(1, 100),
        help="if they are this share of those that have finished as well (2)")  # fmt: skip
    add("--silence", metavar="TIME", help="without a report counts as a failure, such as 90m (2h)")
    add("--attempts", metavar="N", type=whole(1, 10), help="of a device (2)")
    add("--mandatory", action="store_true", default=None, help="outside of maintenance windows too")


def _add_moves(group: Any) -> None:
    add = _of_one(group, "start", "start a plan", words.moved)
    add("--at-once", action="store_true", default=None,
        help="for emergencies: every device when it asks next, outside of windows too")  # fmt: skip
    add("--yes", action="store_true", help="do not ask whether --at-once is meant")
    group.choices["start"].set_defaults(command=_start)
    for name, about in (
        ("pause", "offer nothing more; devices that are under way finish"),
        ("abort", "end it for good; devices that are under way finish"),
    ):
        add = _of_one(group, name, about, words.moved)
        add("--why", metavar="TEXT", help="for the list and the audit trail")
    _of_one(group, "resume", "go on; what has failed so far pauses it no more", words.moved)
    _of_one(group, "advance", "go on to the next stage now, whatever the figures say", words.moved)


def _add_pages(group: Any) -> None:
    for name, about, command in (
        ("report", "every device of one: how far it is, and why not further", _report),
        ("simulate", "who would get it from when on, were it started and did nothing fail", _simulate),
    ):
        add = _of_one(group, name, about, str)
        add("--csv", action="store_true", help="as CSV, for a spreadsheet")
        add("--json", action="store_true", help="as JSON, for a script")
        group.choices[name].set_defaults(command=command)
    simulate = group.choices["simulate"].add_argument
    simulate("--start", metavar="TIME", help="were it started then, such as 2026-12-01T08:00:00Z (now)")
    simulate("--devices", action="store_true", help="each device, not only how many in each stage")


def _add_window(group: Any) -> None:
    about = "say when devices may be updated: the fleet, or a group, or one device; without times, list that"
    add = action_of(group, "window", about, "rollout window", words.windows)
    add("--group", metavar="GROUP", help="of this group only; goes before the fleet's")
    add("--device", dest="device_id", metavar="DEVICE", help="of this device only; goes before its group's")
    add("--days", metavar="DAYS", default="all", help="on which it begins: all, mon-fri, sat,sun (%(default)s)")
    add("--from", dest="begins", metavar="HH:MM", help="when it begins")
    add("--to", dest="ends", metavar="HH:MM", help="when it ends; before --from: on the next day")
    add("--zone", metavar="ZONE", default="UTC",
        help="whose clock that is, such as Europe/Rome, or `device`: each device's own (%(default)s)")  # fmt: skip
    add("--remove", action="store_true", default=None, help="say nothing of it any more")


def _of_one(group: Any, name: str, about: str, say: Callable[[dict[str, Any]], str]) -> Callable[..., Any]:
    add = action_of(group, name, about, f"rollout {name}", say)
    add("rollout", metavar="NUMBER", type=whole(1, 2**31), help="its number, of `rollout list`")
    return add


def _start(options: argparse.Namespace) -> str:
    if options.at_once and not options.yes:
        _confirm(ask(options, "rollout show")["rollout"])
    return words.moved(ask(options, "rollout start"))


def _confirm(shown: dict[str, Any]) -> None:
    """Have it typed, since a habit is to press Enter. Raises SystemExit."""
    version = shown["version"]
    if not sys.stdin.isatty():
        raise SystemExit("pi-auto-server: --at-once reaches every device; add --yes where nobody can be asked")
    print(
        f"Every device of the fleet takes {version} when it asks next, at any time of day,\nwith no stage to find"
        f" out first whether it works. Type {version} to go on: ", end="", file=sys.stderr, flush=True,
    )  # fmt: skip
    if sys.stdin.readline().strip() != version:
        raise SystemExit("pi-auto-server: nothing was started")


def _show(options: argparse.Namespace) -> str:
    shown = ask(options, "rollout show")
    return json.dumps(shown["rollout"], indent=2) if options.json else words.shown(shown)


def _report(options: argparse.Namespace) -> str:
    return _written(options, list(_pages(options, "rollout report")), words.REPORT)


def _simulate(options: argparse.Namespace) -> str:
    stages = ask(options, "rollout simulate")["stages"]
    devices = list(_pages(options, "rollout simulate"))
    if options.csv or options.json or options.devices:
        return _written(options, devices, words.FORESEEN)
    return words.foreseen(stages, devices)


def _pages(options: argparse.Namespace, request: str) -> Iterator[dict[str, Any]]:
    options.after = ""
    while True:
        answer = ask(options, request)
        yield from answer["devices"]
        if len(answer["devices"]) < answer["most"]:
            return
        options.after = answer["devices"][-1]["device_id"]


def _written(options: argparse.Namespace, devices: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    if options.json:
        return json.dumps(devices, indent=2)
    if not options.csv:
        return words.table(devices, columns)
    from pi_auto.server.api.formats import cell  # noqa: PLC0415 - --help does not need it

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(each[name]) for name in columns] for each in devices)
    return text.getvalue().rstrip("\n")
