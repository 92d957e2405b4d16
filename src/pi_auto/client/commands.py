"""The commands of the appliance, for the command line: those that change the machine, and those that ask about it.

configure     write the settings file, for people and the installer
check-update  ask the server for an update now
setup         install the release this runs from; the installer's work
factory-reset make the device nobody's, to be cloned or sold
self-test     whether this release works on this machine
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_auto.client.logbook import FORMATS, TEXT
from pi_auto.client.settings import DEFAULT_FILE, Settings

Add = Callable[..., argparse.ArgumentParser]
_SET = ("server_url", "scanner", "log_level", "insecure_plain_http")


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add them to a command line; `add` makes a subcommand, `shared` has the options of all settings."""
    add(commands, "configure", _configure, "write what is given here to the settings file, keep the rest", shared)
    add(commands, "check-update", _check_update, "ask the server for an update now", shared)
    setup = add(commands, "setup", _setup, "install this release here, as root; install_pi_client.sh does it")
    setup.add_argument("--server", dest="server_url", metavar="URL", help="such as https://fleet.example:5443")
    setup.add_argument("--insecure-plain-http", action="store_true", default=None, help="as in configure")
    setup.add_argument("--image", action="store_true", help="start nothing and give no identity: a master image")
    _add_factory_reset(commands, add)
    add(commands, "self-test", _self_test, "load all that the services need, and say whether it works here")


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of start_logbook."""
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="append log lines to this file as well")
    parser.add_argument("--log-format", choices=FORMATS, default=TEXT, help=f"(default: {TEXT})")


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


def _setup(arguments: argparse.Namespace) -> int:
    from pi_auto.client.appliance.setup import set_up  # noqa: PLC0415 - loaded when needed

    os.chdir("/")  # nothing is found by accident in the folder somebody is in
    given = {name: getattr(arguments, name) for name in ("server_url", "insecure_plain_http")}
    return set_up(given, image=arguments.image)


def _add_factory_reset(commands: Any, add: Add) -> None:
    reset = add(
        commands, "factory-reset", _factory_reset,
        "erase identity, scans, Wi-Fis, logs and the journal, as root: before a card is cloned or a box sold",
    )  # fmt: skip
    for option, text in {
        "--for-cloning": "erase SSH host keys, machine id, random seed and shell histories too",
        "--forget-server": "erase which server it belongs to too; all other settings stay",
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


def _self_test(_: argparse.Namespace) -> int:
    from pi_auto.client.appliance.selftest import self_test  # noqa: PLC0415 - loaded when needed

    return self_test()
