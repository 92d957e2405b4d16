"""The commands `configure` and `bind`: what this device is told by a person, and whose it is."""

from __future__ import annotations

import argparse

from pi_auto.client.commands.options import Add
from pi_auto.client.services import given
from pi_auto.client.settings import DEFAULT_FILE, CommandLineError, Settings
from pi_auto.typed import Any


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add them to a command line; `shared` has the options of all settings."""
    configure = add(
        commands, "configure", _configure, "write what is given here to the settings file, keep the rest", shared
    )
    configure.add_argument(
        "--unset",
        action="append",
        default=[],
        metavar="SETTING",
        help="take a setting out of the file, so that its default holds: proxy, server_url; may be repeated",
    )
    bind = add(
        commands, "bind", _bind, "bind this device to the fleet whose code is typed, or comes by stdin", shared
    )
    bind.epilog = "The code is never an argument: those are in the shell's history, and others see them."


def _configure(arguments: argparse.Namespace) -> int:
    from pi_auto.client.configuring import configure  # noqa: PLC0415 - loaded when needed

    file = arguments.config or DEFAULT_FILE
    changes = {name: value for name, value in given(arguments).items() if name != "state"}
    if not arguments.unset and not any(value is not None for value in changes.values()):
        raise CommandLineError("configure: nothing is named to be written, such as --server URL or --unset proxy")
    try:
        configure(file, changes, unset=arguments.unset)
    except OSError as error:
        sudo = "; run it with sudo" if isinstance(error, PermissionError) else ""
        raise SystemExit(f"pi-auto-client configure: {file}: {error.strerror}{sudo}") from None
    print(
        f"{file} is written. A device that had no server goes on by itself; whatever else was changed holds "
        "from the next start: sudo systemctl restart pi-auto-client pi-auto-capture"
    )
    return 0


def _bind(arguments: argparse.Namespace) -> int:
    from pi_auto.client.binding.command import bind  # noqa: PLC0415 - loaded when needed

    return bind(Settings.load(arguments.config, given(arguments)))
