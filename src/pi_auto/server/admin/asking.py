"""How a command of an administrator is asked: of the running server, else of the books themselves."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pi_auto.server.data_folder import fleets_data
from pi_auto.server.errors import CommandFailed
from pi_auto.server.loading import loading
from pi_auto.server.options import add_key_file
from pi_auto.server.settings import SettingsError

_OF_THE_SERVER = "--trust"
Say = Callable[[dict[str, Any]], str]
_ASKED = (
    "name", "scopes", "days", "policy", "serial", "fingerprint", "most", "device_id", "reason", "servers",
    "batch", "leaked", "networks", "device_ids", "address", "reissue", "stop", "renew", "bundle",
    "rollout", "version", "stages", "success", "failures", "failure_percent", "silence", "attempts", "at_once",
    "why", "after", "start", "group", "tag", "remove", "mandatory", "begins", "ends", "zone",
)  # fmt: skip


def group_of(commands: Any, name: str, about: str, teaches: str = "") -> Any:
    """A command that has actions; `teaches` stands below its help as it is."""
    raw = argparse.RawDescriptionHelpFormatter
    group = commands.add_parser(name, help=about, description=about, epilog=teaches, formatter_class=raw)
    return group.add_subparsers(required=True, metavar="ACTION")


def action_of(group: Any, name: str, about: str, request: str, say: Say) -> Callable[..., Any]:
    """An action: it sends `request`, and prints what `say` makes of the answer. Returned is what adds options."""
    action = group.add_parser(name, help=about, description=about)
    action.set_defaults(command=lambda options: say(ask(options, request)))
    action.add_argument(
        "--data", metavar="DIR", default=os.environ.get("PI_AUTO_DATA"),
        help="the folder that the server keeps everything in (default: PI_AUTO_DATA)",
    )  # fmt: skip
    add_key_file(action.add_argument)
    return action.add_argument  # type: ignore[no-any-return] # argparse's own


def ask(options: argparse.Namespace, request: str) -> dict[str, Any]:
    """Ask the running server, else the books. Raises CommandFailed, SettingsError for a refused option."""
    from pi_auto.server.admin.socket import NotRunning, socket_file  # noqa: PLC0415 - --help does not need it
    from pi_auto.server.admin.socket import ask as ask_socket  # noqa: PLC0415 - the same
    from pi_auto.wire.errors import FieldError  # noqa: PLC0415 - see above

    data = fleets_data(options.data)  # made by a slip of the hand, it would hand out cards of another fleet
    told = {name: value for name, value in vars(options).items() if name in _ASKED and value is not None}
    try:
        try:
            return ask_socket(socket_file(data), told | {"request": request})
        except NotRunning:
            return _ask_books(data, options.key_file, told | {"request": request})
    except FieldError as error:
        raise (SettingsError if _is_of(told, error.field) else CommandFailed)(str(error)) from error
    except OSError as error:
        raise CommandFailed(str(error)) from error


def _is_of(told: dict[str, Any], field: str) -> bool:
    """Whether what was refused is an option or an argument, as argparse refuses them, or how things stand."""
    if field.startswith("--"):
        return field != _OF_THE_SERVER
    name = re.split(r"[.\[]", field)[0]
    return name in told or f"{name}s" in told  # one of several networks is refused by itself


def _ask_books(data: Path, key_file: Path | None, question: dict[str, Any]) -> dict[str, Any]:
    with loading():
        from pi_auto.server.admin.administrator import Administrator  # noqa: PLC0415 - see above
        from pi_auto.server.admin.requests import answer  # noqa: PLC0415 - see above
        from pi_auto.server.context import now_utc, open_context  # noqa: PLC0415 - see above
        from pi_auto.server.settings import Settings  # noqa: PLC0415 - see above
        from pi_auto.server.store.engine import StoreError  # noqa: PLC0415 - see above
        from pi_auto.server.trust.errors import TrustError  # noqa: PLC0415 - see above
        from pi_auto.server.trust.fleet import open_fleet  # noqa: PLC0415 - see above

    try:
        with closing(open_context(Settings(data=data))) as context:
            fleet = open_fleet(data, key_file, None, now_utc())
            return answer(Administrator(replace(context, fleet=fleet)), question)
    except (StoreError, TrustError) as error:
        raise CommandFailed(str(error)) from error
