"""The commands of the appliance, for the command line: those that change the machine, and those that ask about it.

scanners      what is plugged in, and what each scanner sends
configure     write the settings file, for people and the installer
check-update  ask the server for an update now, and watch it
update-fetch  fetches and verifies an update; the agent starts it
setup         install the release this runs from; the installer's work
factory-reset make the device nobody's, to be cloned or sold
self-test     whether this release works on this machine
doctor        what is wrong with this device, and what to do about it
wifi          networks joined by scanning: which, and whether a code would be followed now
wifi-helper   follows a scanned Wi-Fi code; systemd starts it
bind          give this device a fleet's code, where its scanner cannot read it
rollback      go back to the release before, by hand
switcher      what root does about updates; systemd starts it
clock         what the clock and its floor are; for root, to raise the one and undo the other
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pi_auto.client.settings import DEFAULT_FILE, CommandLineError, Settings
from pi_auto.typed import Any

Add = Callable[..., argparse.ArgumentParser]
_LONGEST = 86400  # seconds
_FAILED = 1  # the exit code
_SET = ("server_url", "proxy", "scanner", "log_level", "log_format", "insecure_plain_http", "trust_first_server")
_DOCTOR = """examples:
  sudo pi-auto-client doctor                           a line for each check: ok, warn or wrong, and what to do
  sudo pi-auto-client doctor --bundle /tmp/bundle.zip  the same, and a file for those who help from afar
  sudo pi-auto-client doctor --before-shipping         the guide's list, each box ticked or not, and why
exit code 0: nothing is wrong (every box is ticked). 1: something is. 2: it could not begin.
"""


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add them to a command line; `add` makes a subcommand, `shared` has the options of all settings."""
    scanners = add(commands, "scanners", _scanners, "list the scanners, or show live what they send", shared)
    scanners.epilog = (
        "`sudo pi-auto-client scanners --test` takes the place of `cat /dev/input/event0`, which shows nothing "
        "while capture has the scanner. What it shows is stored and delivered like any other scan."
    )
    scanners.add_argument("--json", action="store_true", help="the list as one JSON object")
    scanners.add_argument("--test", action="store_true", help="show what is scanned from now on, byte for byte")
    scanners.add_argument(
        "--seconds", type=_seconds, metavar="N", help="with --test: end after so long (default: at Ctrl-C)"
    )
    scanners.add_argument("--set", metavar="ID", help="set something of one scanner, named by its id in the list")
    scanners.add_argument("--layout", metavar="LAYOUT", help="with --set: the keyboard it is set to, or none")
    scanners.add_argument("--kind", metavar="KIND", help="with --set: scanner or keyboard, or none: judge it")
    scanners.add_argument("--calibrate", action="store_true", help="with --set: let it read one calibration code")
    scanners.add_argument("--forget", action="store_true", help="with --set: forget what was learned of it")
    add(commands, "configure", _configure, "write what is given here to the settings file, keep the rest", shared)
    add(commands, "check-update", _check_update, "ask for an update now, and show how it goes on", shared)
    add(commands, "update-fetch", _update_fetch, "fetch an update: the agent starts it")
    setup = add(commands, "setup", _setup, "install this release here, as root; install_pi_client.sh does it")
    setup.add_argument("--server", dest="server_url", metavar="URL", help="such as https://fleet.example:5443")
    for option in ("--insecure-plain-http", "--trust-first-server"):
        setup.add_argument(option, action="store_true", default=None, help="as in configure")
    setup.add_argument(
        "--card", type=Path, metavar="FILE", help="the fleet card, fleet.json: whose device this is"
    )
    setup.add_argument("--secret", type=Path, metavar="FILE", help="holds the one-time secret that lets it in")
    setup.add_argument("--change-fleet", action="store_true", help="also if it belongs to another fleet")
    setup.add_argument(
        "--wifi-country", type=_country, metavar="CC", help="the country of its Wi-Fi, such as DE: switches it on"
    )
    setup.add_argument("--image", action="store_true", help="start nothing and give no identity: a master image")
    _add_factory_reset(commands, add)
    add(commands, "rollback", _rollback, "go back to the release before this one, as root; it is not taken again")
    _add_switcher(add(commands, "switcher", _switcher, "take an update that was handed over: systemd starts it"))
    add(commands, "self-test", _self_test, "load all that the services need, and say whether it works here")
    wifi = add(commands, "wifi", _wifi, "the networks joined by scanning; --forget forgets them, as root")
    wifi.add_argument("--json", action="store_true", help="as one JSON object")
    wifi.add_argument(
        "--forget", action="store_true", help="forget all networks that came by scanning, and no other"
    )
    add(
        commands, "wifi-helper", _wifi_helper, "follow a scanned Wi-Fi code: pi-auto-wifi.socket starts it", shared
    )
    bind = add(
        commands, "bind", _bind, "bind this device to the fleet whose code is typed, or comes by stdin", shared
    )
    bind.epilog = "The code is never an argument: those are in the shell's history, and others see them."
    _add_doctor(
        add(commands, "doctor", _doctor, "say what is wrong with this device, and what to do about it", shared)
    )
    _add_clock(
        add(commands, "clock", _clock, "show the clock's floor; for root, raise the clock to it, or undo it")
    )


def _add_clock(clock: argparse.ArgumentParser) -> None:
    what = clock.add_mutually_exclusive_group()
    what.add_argument(
        "--raise", dest="raises", action="store_true",
        help="raise the clock to the floor: the build of this release, or what the fleet has signed",
    )  # fmt: skip
    what.add_argument(
        "--reset-floor", action="store_true", help="forget what the fleet has signed, where its clock was wrong"
    )


def _clock(arguments: argparse.Namespace) -> int:
    from pi_auto.client.clockfloor import program  # noqa: PLC0415 - loaded when needed
    from pi_auto.client.clockfloor.raising import Places  # noqa: PLC0415 - loaded when needed

    if arguments.raises:
        return program.raise_now(Places())
    return program.reset_floor(Places()) if arguments.reset_floor else program.show(Places())


def _scanners(arguments: argparse.Namespace) -> int:
    from pi_auto.client.last_good import load_to_look  # noqa: PLC0415 - loaded when needed

    if arguments.test and arguments.json:
        raise CommandLineError("--json is of the list, and not of --test")
    if arguments.seconds and not arguments.test:
        raise CommandLineError("--seconds is of --test")
    wishes = _checked_wishes(arguments)
    given = {name: getattr(arguments, name) for name in ("state", *_SET)}
    settings, fault = load_to_look(arguments.config, given)
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


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: more than 0, at most {_LONGEST}")
    return seconds


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.epilog = _DOCTOR
    doctor.add_argument("--json", action="store_true", help="as one JSON object")
    doctor.add_argument(
        "--bundle", type=Path, metavar="FILE", help="write logs and state, without secrets, to a zip file"
    )
    doctor.add_argument("--with-barcodes", action="store_true", help="leave barcodes in the bundle; else masked")
    doctor.add_argument(
        "--before-shipping", action="store_true", help="tick the guide's list, with a scan while offline"
    )
    doctor.add_argument(
        "--seconds", type=_seconds, default=60, metavar="N", help="how long that scan is waited for (default: 60)"
    )


def _configure(arguments: argparse.Namespace) -> int:
    from pi_auto.client.configuring import configure  # noqa: PLC0415 - loaded when needed

    file = arguments.config or DEFAULT_FILE
    try:
        configure(file, {name: getattr(arguments, name) for name in _SET})
    except OSError as error:
        raise SystemExit(f"pi-auto-client configure: {file}: {error.strerror}; run it with sudo") from None
    print(
        f"{file} is written. A device that had no server goes on by itself; whatever else was changed holds "
        "from the next start: sudo systemctl restart pi-auto-client pi-auto-capture"
    )
    return 0


def _check_update(arguments: argparse.Namespace) -> int:
    from pi_auto.client.agent.update.asking import ask_now  # noqa: PLC0415 - loaded when needed

    return ask_now(Settings.load(arguments.config, {name: getattr(arguments, name) for name in ("state", *_SET)}))


def _update_fetch(_: argparse.Namespace) -> int:
    from pi_auto.client.agent.update.fetcher import run_fetcher  # noqa: PLC0415 - loaded when needed

    return run_fetcher()


def _doctor(arguments: argparse.Namespace) -> int:
    given = {name: getattr(arguments, name) for name in ("state", *_SET)}
    if arguments.before_shipping:
        from pi_auto.client.doctor.shipping import before_shipping  # noqa: PLC0415 - loaded when needed

        if arguments.config or arguments.bundle or any(value is not None for value in given.values()):
            raise CommandLineError("--before-shipping looks at the installed device; allowed: --seconds, --json")
        return before_shipping(arguments.seconds, as_json=arguments.json)
    from pi_auto.client.doctor.program import Wanted, doctor  # noqa: PLC0415 - loaded when needed

    return doctor(arguments.config, given, Wanted(arguments.json, arguments.bundle, arguments.with_barcodes))


def _setup(arguments: argparse.Namespace) -> int:
    from pi_auto.client.appliance.setup import Given, set_up  # noqa: PLC0415 - loaded when needed

    card, secret = (name.absolute() if name else None for name in (arguments.card, arguments.secret))
    os.chdir("/")  # nothing is found by accident in the folder somebody is in
    given = {
        name: getattr(arguments, name) for name in ("server_url", "insecure_plain_http", "trust_first_server")
    }
    done = set_up(given, image=arguments.image, given=Given(card, secret, change_fleet=arguments.change_fleet))
    if arguments.wifi_country and done != _FAILED:
        from pi_auto.client.appliance.country import set_country  # noqa: PLC0415 - loaded when needed

        return set_country(arguments.wifi_country) or done
    return done


def _country(text: str) -> str:
    from pi_auto.client.appliance.country import country_code  # noqa: PLC0415 - loaded when needed

    try:
        return country_code(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_factory_reset(commands: Any, add: Add) -> None:
    reset = add(
        commands, "factory-reset", _factory_reset,
        "erase identity, scans, Wi-Fis, logs and the journal, as root: before a card is cloned or a box sold",
    )  # fmt: skip
    for option, text in {
        "--for-cloning": "erase SSH host keys, machine id, random seed and shell histories too",
        "--forget-server": "erase which server and fleet it belongs to too; all other settings stay",
        "--delete-undelivered": "go on though scans have not been delivered: they are lost",
        "--yes": "ask nothing",
        "--power-off": "power off at the end",
        "--image": "in the root folder of an image, entered by chroot: nothing runs, so nothing is stopped",
        "--resume": "only finish one that a power cut has stopped, as each boot does",
    }.items():
        reset.add_argument(option, action="store_true", help=text)


def _factory_reset(arguments: argparse.Namespace) -> int:
    from pi_auto.client.appliance.reset import Extent  # noqa: PLC0415 - loaded when needed
    from pi_auto.client.appliance.resetting import (  # noqa: PLC0415 - loaded when needed
        Wishes,
        factory_reset,
        finish_at_boot,
    )

    os.chdir("/")
    if arguments.resume:
        return finish_at_boot()
    return factory_reset(
        Wishes(
            Extent(arguments.for_cloning, arguments.forget_server),
            delete_undelivered=arguments.delete_undelivered,
            yes=arguments.yes,
            image=arguments.image,
            power_off=arguments.power_off,
        )
    )


def _add_switcher(switcher: argparse.ArgumentParser) -> None:
    switcher.add_argument("--boot", action="store_true", help="count a start of an update that is tried out")
    switcher.add_argument("--rollback", action="store_true", help="the same as the command rollback")
    for option, default, text in (
        ("--deadline", 600, "for an update to show that it works, in seconds (default: 600)"),
        ("--stable", 60, "so long it has to work without a fault (default: 60)"),
        ("--between", 1200, "between two starts, of many that nothing comes of (default: 1200)"),
    ):
        switcher.add_argument(option, type=_seconds, default=default, metavar="N", help=text)


def _rollback(_: argparse.Namespace) -> int:
    from pi_auto.client.switcher.program import run_switcher  # noqa: PLC0415 - loaded when needed

    return run_switcher(rollback=True)


def _switcher(arguments: argparse.Namespace) -> int:
    from pi_auto.client.switcher.program import run_switcher  # noqa: PLC0415 - loaded when needed
    from pi_auto.client.switcher.site import Patience  # noqa: PLC0415 - loaded when needed

    patience = Patience(deadline=arguments.deadline, stable=arguments.stable, between=arguments.between)
    return run_switcher(patience, boot=arguments.boot, rollback=arguments.rollback)


def _wifi(arguments: argparse.Namespace) -> int:
    from pi_auto.client.wifi.telling import forget, show  # noqa: PLC0415 - loaded when needed

    return forget() if arguments.forget else show(as_json=arguments.json)


def _bind(arguments: argparse.Namespace) -> int:
    from pi_auto.client.binding.command import bind  # noqa: PLC0415 - loaded when needed

    return bind(Settings.load(arguments.config, {name: getattr(arguments, name) for name in ("state", *_SET)}))


def _wifi_helper(arguments: argparse.Namespace) -> int:
    from pi_auto.client.wifi.helper import run_helper  # noqa: PLC0415 - loaded when needed

    return run_helper(arguments.config)


def _self_test(_: argparse.Namespace) -> int:
    from pi_auto.client.appliance.selftest import self_test  # noqa: PLC0415 - loaded when needed

    return self_test()
