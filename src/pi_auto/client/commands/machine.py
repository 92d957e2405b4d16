"""The commands that make a machine an appliance or nobody's: `setup`, `factory-reset`, `self-test`, `clock`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pi_auto.client.commands.options import Add
from pi_auto.typed import Any

_FAILED = 1  # the exit code


def add_commands(commands: Any, add: Add, _: argparse.ArgumentParser) -> None:
    """Add them to a command line."""
    _add_setup(commands, add)
    _add_factory_reset(commands, add)
    add(commands, "self-test", _self_test, "load all that the services need, and say whether it works here")
    _add_clock(
        add(commands, "clock", _clock, "show the clock's floor; for root, raise the clock to it, or undo it")
    )


def _add_setup(commands: Any, add: Add) -> None:
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


def _setup(arguments: argparse.Namespace) -> int:
    from pi_auto.client.appliance.installing import Given, set_up  # noqa: PLC0415 - loaded when needed

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


def _self_test(_: argparse.Namespace) -> int:
    from pi_auto.client.appliance.selftest import self_test  # noqa: PLC0415 - loaded when needed

    return self_test()


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
