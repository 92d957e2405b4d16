"""The commands of updates: `check-update`, `rollback` for people, `update-fetch`, `switcher` for the device."""

from __future__ import annotations

import argparse

from pi_auto.client.commands.options import Add, seconds
from pi_auto.client.services import given
from pi_auto.client.settings import Settings
from pi_auto.typed import Any


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add them to a command line; `shared` has the options of all settings."""
    add(commands, "check-update", _check_update, "ask for an update now, and show how it goes on", shared)
    add(commands, "update-fetch", _update_fetch, "fetch an update: the agent starts it")
    add(commands, "rollback", _rollback, "go back to the release before this one, as root; it is not taken again")
    _add_switcher(add(commands, "switcher", _switcher, "take an update that was handed over: systemd starts it"))


def _add_switcher(switcher: argparse.ArgumentParser) -> None:
    switcher.add_argument("--boot", action="store_true", help="count a start of an update that is tried out")
    switcher.add_argument("--rollback", action="store_true", help="the same as the command rollback")
    for option, default, text in (
        ("--deadline", 600, "for an update to show that it works, in seconds (default: 600)"),
        ("--stable", 60, "so long it has to work without a fault (default: 60)"),
        ("--between", 1200, "between two starts, of many that nothing comes of (default: 1200)"),
    ):
        switcher.add_argument(option, type=seconds, default=default, metavar="N", help=text)


def _check_update(arguments: argparse.Namespace) -> int:
    from pi_auto.client.agent.update.asking import ask_now  # noqa: PLC0415 - loaded when needed

    return ask_now(Settings.load(arguments.config, given(arguments)))


def _update_fetch(_: argparse.Namespace) -> int:
    from pi_auto.client.agent.update.fetcher import run_fetcher  # noqa: PLC0415 - loaded when needed

    return run_fetcher()


def _rollback(_: argparse.Namespace) -> int:
    from pi_auto.client.switcher.program import run_switcher  # noqa: PLC0415 - loaded when needed

    return run_switcher(rollback=True)


def _switcher(arguments: argparse.Namespace) -> int:
    from pi_auto.client.switcher.program import run_switcher  # noqa: PLC0415 - loaded when needed
    from pi_auto.client.switcher.site import Patience  # noqa: PLC0415 - loaded when needed

    patience = Patience(deadline=arguments.deadline, stable=arguments.stable, between=arguments.between)
    return run_switcher(patience, boot=arguments.boot, rollback=arguments.rollback)
