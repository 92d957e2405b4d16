"""The commands that run for months: capture, the agent, and both together."""

from __future__ import annotations

import argparse
import logging
import shlex
from collections.abc import Sequence
from pathlib import Path

from pi_auto.client import itself
from pi_auto.client.commands.options import Add, Formatter
from pi_auto.client.last_good import load_and_keep, load_or_last_good
from pi_auto.client.logbook import TEXT, start_logbook, use_format
from pi_auto.client.services import OPTIONS, given, hold_lifeline, settings_of_service, start_capture
from pi_auto.client.settings import DEFAULT_FILE, DEFAULT_STATE, CommandLineError, Settings, SettingsError
from pi_auto.typed import Any


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add them to a command line; `shared` has the options of all settings."""
    supervised = argparse.ArgumentParser(add_help=False, formatter_class=Formatter)
    supervised.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input ends")
    supervised.add_argument("--log-file", type=Path, metavar="FILE", help="append log lines to this file as well")
    add(commands, "run", _run, "capture and agent together, each started again when it dies", shared)
    add(commands, "capture", start_capture, "only read scanners and store what they scan", shared, supervised)
    add(commands, "agent", _agent, "only deliver what is stored", shared, supervised)


def _run(arguments: argparse.Namespace) -> int:
    from pi_auto.client.supervisor import Supervisor  # noqa: PLC0415 - loaded when needed
    from pi_auto.client.whereabouts import has_server  # noqa: PLC0415 - loaded when needed

    settings = _settings(arguments)
    if not has_server(settings) and not settings.trust_first_server:
        raise SettingsError(
            f"{arguments.config or DEFAULT_FILE}: server_url is missing; "
            "allowed: the server's address, such as http://127.0.0.1:5000 (or --server on the command line); "
            f"nor is there a fleet card, {settings.fleet_card}"
        )
    use_format(settings.log_format)
    python = itself.command()
    passed_on = ["--until-stdin-closes", *_settings_again(arguments)]
    commands: dict[str, Sequence[str]] = {name: [*python, name, *passed_on] for name in ("capture", "agent")}
    return Supervisor(commands, lambda facts: _announce(settings, facts)).run()


def _announce(settings: Settings, facts: dict[str, str]) -> None:
    from pi_auto.client.whereabouts import card_of, giver  # noqa: PLC0415 - loaded when needed

    said = {
        "device": facts.get("device", "unknown"),
        "server": giver(settings, card_of(settings)),
        "scanner": settings.scanner,
        "state": str(settings.state),
    }
    print(
        "pi-auto-client ready: " + " ".join(f"{key}={shlex.quote(value)}" for key, value in said.items()),
        flush=True,
    )


def _agent(arguments: argparse.Namespace) -> int:
    from pi_auto.client.agent.program import run_agent  # noqa: PLC0415 - loaded when needed
    from pi_auto.client.agent.waiting import Waiting  # noqa: PLC0415 - loaded when needed

    start_logbook(arguments.log_file, arguments.log_format or TEXT)
    try:
        settings = settings_of_service(arguments, "agent", load_or_last_good)
    except CommandLineError:
        raise
    except SettingsError:  # it will be told while it is waited for to be mended
        settings = None
    hold_lifeline(arguments)
    folder = settings.agent_folder if settings else Path(arguments.state or DEFAULT_STATE) / "agent"
    waiting = Waiting(
        arguments.config or DEFAULT_FILE, lambda: settings_of_service(arguments, "agent", load_and_keep), folder
    )
    return run_agent(settings, waiting, [*itself.command(), "doctor", *_settings_again(arguments)])


def _settings(arguments: argparse.Namespace) -> Settings:
    """The settings that hold for this call, logging at their level."""
    settings = Settings.load(arguments.config, given(arguments))
    logging.getLogger().setLevel(settings.log_level)
    return settings


def _settings_again(arguments: argparse.Namespace) -> list[str]:
    """Options by which another call of this program has the same settings."""
    config = [f"--config={arguments.config}"] if arguments.config else []
    return [*config, *_as_options(given(arguments))]


def _as_options(given: dict[str, Any]) -> list[str]:
    flags = [OPTIONS[name] for name, value in given.items() if value is True]
    return flags + [f"{OPTIONS[name]}={value}" for name, value in given.items() if value not in (None, True)]
