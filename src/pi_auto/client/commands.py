"""The commands of the appliance, for the command line: those that change the machine, and those that ask about it.

configure     write the settings file, for people and the installer
check-update  ask the server for an update now
setup         install the release this runs from; the installer's work
self-test     whether this release works on this machine
doctor        what is wrong with this device, and what to do about it
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_auto.client.logbook import FORMATS, TEXT
from pi_auto.client.settings import DEFAULT_FILE, Settings, SettingsError

Add = Callable[..., argparse.ArgumentParser]
_SET = ("server_url", "scanner", "log_level", "insecure_plain_http")
_MOST_SECONDS = 3600
_DOCTOR = """examples:
  sudo pi-auto-client doctor                           a line for each check: ok, warn or wrong, and what to do
  sudo pi-auto-client doctor --bundle /tmp/bundle.zip  the same, and a file for those who help from afar
  sudo pi-auto-client doctor --before-shipping         the guide's list, each box ticked or not, and why
exit code 0: nothing is wrong (every box is ticked). 1: something is. 2: it could not begin.
"""


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add them to a command line; `add` makes a subcommand, `shared` has the options of all settings."""
    add(commands, "configure", _configure, "write what is given here to the settings file, keep the rest", shared)
    add(commands, "check-update", _check_update, "ask the server for an update now", shared)
    setup = add(commands, "setup", _setup, "install this release here, as root; install_pi_client.sh does it")
    setup.add_argument("--server", dest="server_url", metavar="URL", help="such as https://fleet.example:5443")
    setup.add_argument("--insecure-plain-http", action="store_true", default=None, help="as in configure")
    setup.add_argument("--image", action="store_true", help="start nothing and give no identity: a master image")
    add(commands, "self-test", _self_test, "load all that the services need, and say whether it works here")
    _add_doctor(
        add(commands, "doctor", _doctor, "say what is wrong with this device, and what to do about it", shared)
    )


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of start_logbook."""
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="append log lines to this file as well")
    parser.add_argument("--log-format", choices=FORMATS, default=TEXT, help=f"(default: {TEXT})")


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.formatter_class = argparse.RawDescriptionHelpFormatter
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


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"is {text!r}; allowed: 1 to {_MOST_SECONDS}")
    return int(text)


def _configure(arguments: argparse.Namespace) -> int:
    from pi_auto.client.configuring import configure  # noqa: PLC0415 - loaded when needed

    file = arguments.config or DEFAULT_FILE
    try:
        configure(file, {name: getattr(arguments, name) for name in _SET})
    except OSError as error:
        raise SystemExit(f"pi-auto-client configure: {file}: {error.strerror}; run it with sudo") from None
    print(
        f"{file} is written. It holds from the next start: sudo systemctl restart pi-auto-client pi-auto-capture"
    )
    return 0


def _check_update(arguments: argparse.Namespace) -> int:
    from pi_auto.client.agent.update.asking import ask_now  # noqa: PLC0415 - loaded when needed

    return ask_now(Settings.load(arguments.config, {name: getattr(arguments, name) for name in ("state", *_SET)}))


def _doctor(arguments: argparse.Namespace) -> int:
    given = {name: getattr(arguments, name) for name in ("state", *_SET)}
    if arguments.before_shipping:
        from pi_auto.client.doctor.shipping import before_shipping  # noqa: PLC0415 - loaded when needed

        if arguments.config or arguments.bundle or any(value is not None for value in given.values()):
            raise SettingsError(
                "--before-shipping looks at the installed device; allowed with it: --seconds, --json"
            )
        return before_shipping(arguments.seconds, as_json=arguments.json)
    from pi_auto.client.doctor.program import Wanted, doctor  # noqa: PLC0415 - loaded when needed

    return doctor(arguments.config, given, Wanted(arguments.json, arguments.bundle, arguments.with_barcodes))


def _setup(arguments: argparse.Namespace) -> int:
    from pi_auto.client.appliance.setup import set_up  # noqa: PLC0415 - loaded when needed

    os.chdir("/")  # nothing is found by accident in the folder somebody is in
    given = {name: getattr(arguments, name) for name in ("server_url", "insecure_plain_http")}
    return set_up(given, image=arguments.image)


def _self_test(_: argparse.Namespace) -> int:
    from pi_auto.client.appliance.selftest import self_test  # noqa: PLC0415 - loaded when needed

    return self_test()
