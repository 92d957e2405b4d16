"""The command `status`: who this device is and how it stands."""

from __future__ import annotations

import argparse
import json
import logging

from pi_auto.client.commands.options import Add
from pi_auto.client.last_good import load_to_look
from pi_auto.client.services import given
from pi_auto.client.settings import Settings
from pi_auto.typed import Any


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add it to a command line; `shared` has the options of all settings."""
    status = add(commands, "status", _status, "show on one screen who this device is and how it stands", shared)
    status.add_argument("--json", action="store_true", help="as one JSON object")
    status.add_argument("--secrets", action="store_true", help="only what the server gave this device in secret")


def _status(arguments: argparse.Namespace) -> int:
    settings, fault = load_to_look(arguments.config, given(arguments))
    logging.getLogger().setLevel(settings.log_level)
    if arguments.secrets:
        _print_secrets(settings)
        return 0
    from pi_auto.client.status.facts import status_of  # noqa: PLC0415 - loaded when needed
    from pi_auto.client.status.screen import screen  # noqa: PLC0415 - loaded when needed

    status = status_of(settings, fault)
    print(json.dumps(status, indent=2) if arguments.json else screen(status, settings))
    return 0


def _print_secrets(settings: Settings) -> None:
    from pi_auto.client.status.revealing import secrets_of  # noqa: PLC0415 - loaded when needed

    try:
        print(json.dumps(secrets_of(settings), indent=2))
    except PermissionError as error:
        raise SystemExit(f"pi-auto-client status: {error.filename}: {error.strerror}; run it with sudo") from None
