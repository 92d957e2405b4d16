"""`pi-auto-server device METHOD DEVICE`: has a device do one thing now, and says what came of it."""

from __future__ import annotations

import argparse
import uuid
from pathlib import Path
from typing import Any

from pi_auto.server.errors import CommandFailed
from pi_auto.server.options import add_key_file
from pi_auto.server.rollouts.saying import SAYINGS, say
from pi_auto.server.settings import SettingsError
from pi_auto.wire.errors import FieldError
from pi_auto.wire.hublink import MOST_METHOD_TIMEOUT
from pi_auto.wire.methods import (
    DIAGNOSTICS,
    IDENTIFY,
    LOG_LEVELS,
    LONGEST_IDENTIFY,
    LONGEST_LOG_LEVEL,
    NAMES,
    SET_LOG_LEVEL,
    checked,
)

_ABOUT = (
    "have a device do something now: restart its agent, reboot, blink, ask for an update, send its diagnostics"
)
_EXAMPLES = """\
examples:
  pi-auto-server device restart pi-1a2b3c4d --data /srv/pi-auto
  pi-auto-server device identify till-3 --seconds 60
      its lamp blinks for a minute; a device may be named by its host name too
  pi-auto-server device set_log_level pi-1a2b3c4d --level DEBUG --minutes 30
  pi-auto-server device diagnostics pi-1a2b3c4d --save till-3.zip
      it sends what helpers need, to this server only, and that is saved
  pi-auto-server device diagnostics pi-1a2b3c4d --list
      what it has sent before

What a device is to the roll-outs of updates (pi-auto-server rollout --help), each noted in the books:
  pi-auto-server device tag pi-1a2b3c4d lab
      devices with this tag get releases first; --remove takes it away
  pi-auto-server device group pi-1a2b3c4d shops
      it is in this one group; --remove takes it out
  pi-auto-server device pin pi-1a2b3c4d 2.0.3
      it takes this release and no other, whatever is rolled out; device unpin takes that back

It answers with one line and 0, or with why not and 1, or 2 where the command line is wrong.
Nothing is sent twice. Who asked for what, and what came of it, is in `pi-auto-server audit`.
"""
_OPTIONS = {"seconds": IDENTIFY, "level": SET_LOG_LEVEL, "minutes": SET_LOG_LEVEL}
_USUAL = {IDENTIFY: {"seconds": 30}, SET_LOG_LEVEL: {"minutes": 30}}
_OF_DIAGNOSTICS = ("save", "list", "wait")
_LONGEST_WAIT = 900  # seconds; the server takes the bundle for as long


def add_device(commands: Any) -> None:
    """Add it to a command line."""
    device = commands.add_parser(
        "device", help=_ABOUT, description=_ABOUT, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    device.set_defaults(command=ask_device)
    add_key_file(device.add_argument)
    add = device.add_argument
    methods = (*NAMES, *SAYINGS)
    add("method", metavar="METHOD", choices=methods, help=", ".join(methods))
    add("device", metavar="DEVICE", help="the device's id, or its host name where only one has it")
    add("word", metavar="WORD", nargs="?", help="pin: the release; tag: the tag; group: the group")
    add("--remove", action="store_true", default=None, help="tag, group: take it away")
    add("--seconds", type=_whole(LONGEST_IDENTIFY), metavar="N", help="identify: for how long it blinks (30)")
    add("--level", choices=LOG_LEVELS, help="set_log_level: from which level up its agent logs")
    add("--minutes", type=_whole(LONGEST_LOG_LEVEL), metavar="N", help="set_log_level: for how long (30)")
    add("--save", type=Path, metavar="FILE", help="diagnostics: save the bundle to this new file")
    add(
        "--list", action="store_true", default=None, help="diagnostics: ask for nothing, list what has come before"
    )
    add("--wait", type=_whole(_LONGEST_WAIT), metavar="SECONDS", help="diagnostics: how long to wait for it (120)")
    add("--timeout", type=_whole(MOST_METHOD_TIMEOUT), default=30, metavar="SECONDS",
        help="how long the device may take to answer (%(default)s)")  # fmt: skip


def ask_device(options: argparse.Namespace) -> str:
    """Do it; what to say. Raises CommandFailed, AuditError, and SettingsError for the command line."""
    if options.method in SAYINGS:
        return say(options)
    if options.word or options.remove:
        raise SettingsError(f"{options.method} takes no word and no --remove; see pi-auto-server device --help")
    payload = payload_of(options)
    from pi_auto.server.calls import asking, reaching  # noqa: PLC0415 - take a while to load

    data = Path(options.data).absolute()
    device_id, hub = asking.find_device(data, options.device), reaching.hub_of(options)
    if options.method != DIAGNOSTICS:
        return asking.ask(hub, data, device_id, options.method, payload, options.timeout)
    if options.list:
        return asking.list_bundles(data, device_id)
    if options.save and options.save.exists():
        raise CommandFailed(f"{options.save} exists; name a new file with --save")
    return asking.fetch_bundle(hub, data, device_id, payload, options.timeout, options.wait or 120, options.save)


def payload_of(options: argparse.Namespace) -> dict[str, Any]:
    """What the device is handed. Raises SettingsError for what the method does not take, or lacks."""
    given = {name: value for name, value in vars(options).items() if value is not None}
    foreign = [name for name, method in _OPTIONS.items() if name in given and method != options.method]
    if options.method != DIAGNOSTICS:
        foreign += [name for name in _OF_DIAGNOSTICS if name in given]
    if foreign:
        raise SettingsError(f"{options.method} takes no --{foreign[0]}; see pi-auto-server device --help")
    own = {name: given[name] for name in _OPTIONS if name in given}
    if options.method == DIAGNOSTICS:
        own = {"request": str(uuid.uuid4())}
    try:
        return checked(options.method, _USUAL.get(options.method, {}) | own)
    except FieldError as error:
        option = error.field.removeprefix("payload.")
        raise SettingsError(f"{options.method}: --{option} is {error.value}; allowed: {error.allowed}") from error


def _whole(most: int) -> Any:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 9) or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most}")
        return int(text)

    return read
