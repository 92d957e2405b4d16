"""The command `pi-auto-client`: reads the command line and hands over to the part that is asked for.

Every part is imported only when it is needed, so that the capture process never loads
network code and `replay` needs nothing of the agent.
"""

from __future__ import annotations

if __name__ == "__main__":
    from pi_auto.starting import hush, started

    hush()  # Ctrl-C may come while all of this is loaded

import argparse
import json
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from pi_auto.client import itself
from pi_auto.client.commands import add_commands
from pi_auto.client.last_good import load_and_keep, load_or_last_good, load_to_look
from pi_auto.client.logbook import FORMATS, TEXT, start_logbook, use_format
from pi_auto.client.services import OPTIONS, given, hold_lifeline, run, settings_of_service, start_capture
from pi_auto.client.settings import (
    DEFAULT_FILE,
    DEFAULT_STATE,
    LOG_LEVELS,
    CommandLineError,
    Settings,
    SettingsError,
)
from pi_auto.typed import Any
from pi_auto.version import __version__

_EXAMPLES = """examples:
  pi-auto-client run --server http://127.0.0.1:5000 --state ./pi        whatever scanner is plugged in
  pi-auto-client run --config ./pi.json --scanner /dev/input/event3     one scanner, settings from a file
  pi-auto-client record /dev/input/event3 codes.events                  make a recording of a scanner
  pi-auto-client replay codes.events                                    print what is in it, a JSON object a line
  pi-auto-client parse ']C10108053734093444\\x1d21XYZ'                    what a code means
  pi-auto-client status --state ./pi                                    who am I, how do I stand
  sudo pi-auto-client scanners --test                                   what each scanner sends, live
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    arguments = _parser().parse_args(argv)
    return run(lambda: arguments.command(arguments))


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


def _replay(arguments: argparse.Namespace) -> int:
    from pi_auto.client.capture.replay import replay  # noqa: PLC0415 - loaded when needed

    return replay(arguments.file, sys.stdout, arguments.layout)


def _record(arguments: argparse.Namespace) -> int:
    from pi_auto.client.capture.record import record  # noqa: PLC0415 - loaded when needed

    return record(arguments.device, arguments.file)


def _status(arguments: argparse.Namespace) -> int:
    settings, fault = load_to_look(arguments.config, given(arguments))
    logging.getLogger().setLevel(settings.log_level)
    if arguments.secrets:
        from pi_auto.client.status.revealing import secrets_of  # noqa: PLC0415 - loaded when needed

        try:
            print(json.dumps(secrets_of(settings), indent=2))
        except PermissionError as error:
            raise SystemExit(
                f"pi-auto-client status: {error.filename}: {error.strerror}; run it with sudo"
            ) from None
        return 0
    from pi_auto.client.status.facts import status_of  # noqa: PLC0415 - loaded when needed
    from pi_auto.client.status.screen import screen  # noqa: PLC0415 - loaded when needed

    status = status_of(settings, fault)
    print(json.dumps(status, indent=2) if arguments.json else screen(status, settings))
    return 0


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


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """argparse makes one for each option, and each would load what finds out how wide the terminal is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pi-auto-client",
        description="A barcode appliance: scans are stored durably, then delivered to server and IoT Hub.",
        epilog=_EXAMPLES,
        formatter_class=_Formatter,
    )
    parser.add_argument("--version", action="version", version=f"pi-auto-client {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", prog=parser.prog)
    shared = _shared_options()
    supervised = argparse.ArgumentParser(add_help=False, formatter_class=_Formatter)
    supervised.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input ends")
    supervised.add_argument("--log-file", type=Path, metavar="FILE", help="append log lines to this file as well")
    _add(commands, "run", _run, "capture and agent together, each started again when it dies", shared)
    _add(commands, "capture", start_capture, "only read scanners and store what they scan", shared, supervised)
    _add(commands, "agent", _agent, "only deliver what is stored", shared, supervised)
    status = _add(commands, "status", _status, "show on one screen who this device is and how it stands", shared)
    status.add_argument("--json", action="store_true", help="as one JSON object")
    status.add_argument("--secrets", action="store_true", help="only what the server gave this device in secret")
    replay = _add(commands, "replay", _replay, "print what a recording holds, a JSON object a line")
    replay.add_argument("file", type=Path, metavar="FILE", help="a recording in evemu's format")
    replay.add_argument("--layout", default="us", help="the keyboard that the scanner is set to (default: us)")
    record = _add(commands, "record", _record, "record a scanner's key events")
    record.add_argument("device", type=Path, metavar="DEVICE", help="such as /dev/input/event3")
    record.add_argument("file", type=Path, metavar="FILE", help="where the recording goes")
    add_commands(commands, _add, shared)
    return parser


def _add(
    commands: Any, name: str, command: Any, help_text: str, *parents: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, description=help_text, parents=list(parents), formatter_class=_Formatter
    )
    parser.set_defaults(command=command)
    return parser


def _shared_options() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, formatter_class=_Formatter)
    shared.add_argument("--config", type=Path, metavar="FILE", help=f"settings, JSON (default: {DEFAULT_FILE})")
    shared.add_argument("--state", metavar="DIR", help=f"where all is kept (default: {DEFAULT_STATE})")
    shared.add_argument("--server", dest="server_url", metavar="URL", help="such as https://fleet.example:5443")
    shared.add_argument(
        "--proxy", metavar="URL", help="the site's HTTP proxy, http://HOST:PORT; it is given no user or password"
    )
    shared.add_argument(
        "--scanner", metavar="SCANNER", help="auto, a device, or replay:FILE, played at each start (default: auto)"
    )
    shared.add_argument("--log-level", choices=LOG_LEVELS, help="(default: INFO)")
    shared.add_argument("--log-format", choices=FORMATS, help=f"of the log lines of services (default: {TEXT})")
    shared.add_argument(
        "--insecure-plain-http", action="store_true", default=None,
        help="allow a server without TLS across a network: anybody there can read barcodes and credentials",
    )  # fmt: skip
    shared.add_argument(
        "--trust-first-server", action="store_true", default=None,
        help="for laboratories: without a fleet card, belong to whichever server answers first",
    )  # fmt: skip
    return shared


if __name__ == "__main__":
    sys.exit(started(main))
