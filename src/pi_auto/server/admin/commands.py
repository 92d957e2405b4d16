"""The commands `operator`, `enrolment` and `fleet` of `pi-auto-server`: questions to the running server, in words.

Where no server runs on the data folder, the question is answered from the books themselves.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pi_auto.files import write_whole
from pi_auto.server.admin import words
from pi_auto.server.options import add_key_file
from pi_auto.server.sizing import whole

_SCOPES = ("read", "devices", "fleet", "operators")
_POLICIES = ("approve", "batch", "preauthorised", "closed")
Say = Callable[[dict[str, Any]], str]


def add_admin(commands: Any) -> None:
    """Add them to a command line."""
    for add in (_add_operator, _add_enrolment, _add_fleet):
        add(commands)


def _group(commands: Any, name: str, about: str) -> Any:
    group = commands.add_parser(name, help=about, description=about)
    return group.add_subparsers(required=True, metavar="ACTION")


def _action(group: Any, name: str, about: str, request: str, say: Say) -> Callable[..., Any]:
    action = group.add_parser(name, help=about, description=about)
    action.set_defaults(command=lambda options: say(_ask(options, request)))
    action.add_argument(
        "--data", type=Path, metavar="DIR", default=os.environ.get("PI_AUTO_DATA"),
        help="the folder that the server keeps everything in (default: PI_AUTO_DATA)",
    )  # fmt: skip
    add_key_file(action.add_argument)
    return action.add_argument  # type: ignore[no-any-return] # argparse's own


def _add_operator(commands: Any) -> None:
    group = _group(commands, "operator", "let people and scripts in")
    _action(
        group, "link", "make a link that signs a person in, once, within 24 hours", "link", lambda a: a["link"]
    )
    add = _action(
        group, "token-create", "make an API token; it is shown once", "token create", lambda a: a["token"]
    )
    add("name", metavar="NAME", help="what the audit trail calls it")
    add("--scopes", metavar="SCOPES", type=_words, required=True, help=f"some of {','.join(_SCOPES)}")
    add("--days", metavar="N", type=whole(1, 3660), help="how long it is good (default: until it is revoked)")
    _action(group, "token-list", "list the tokens that there are and were", "token list", words.tokens)
    add = _action(group, "token-revoke", "let a token be good for nothing", "token revoke", lambda _: "revoked")
    add("name", metavar="NAME")


def _add_enrolment(commands: Any) -> None:
    group = _group(commands, "enrolment", "say which devices are taken in")
    add = _action(group, "policy", "show or set the policy", "policy", lambda a: str(a["policy"]))
    add("policy", metavar="POLICY", nargs="?", choices=_POLICIES, help=", ".join(_POLICIES))
    _action(group, "pending", "list the devices that wait", "pending", words.pending)
    add = _action(
        group, "approve", "say yes to a device that waits", "approve", lambda a: f"approved {a['device_id']}"
    )
    add("serial", metavar="SERIAL")
    add("fingerprint", metavar="KEY", help="the first digits, eight at least, of its key's fingerprint")
    add = _action(group, "refuse", "say no to a device that waits: its key is shut out", "refuse", words.refused)
    add("serial", metavar="SERIAL")
    add("fingerprint", metavar="KEY", help="as with approve")
    add = _action(group, "code", "make a one-time code that binds a box without a card", "code", words.code)
    add("serial", metavar="SERIAL", nargs="?", help="the only box that it is for (default: any)")
    _add_addresses(add)
    _action(group, "clones", "list the devices whose key two devices have", "clones", words.clones)
    _action(group, "shut-out", "list the serials and keys that are shut out", "shut out", words.shut_out)
    _action(group, "hub", "list what the hub has still to be told", "wishes", words.wishes)
    add = _action(group, "preauthorise", "let a serial in that has not asked yet", "preauthorise", words.secret)
    add("serial", metavar="SERIAL")
    add("--fingerprint", metavar="KEY", help="its key's fingerprint; else a one-time secret is made for it")
    add("--days", metavar="N", type=whole(1, 366), default=30, help="how long that is good (%(default)s)")
    add = _action(group, "batch-create", "make a token that lets many in", "batch create", lambda a: a["token"])
    add("name", metavar="NAME")
    _add_batch_limits(add)
    add = _action(group, "batch-end", "let a batch token be good for nothing", "batch end", lambda _: "ended")
    add("name", metavar="NAME")
    for name, about in (
        ("revoke", "shut a device out, whatever it shows"),
        ("lift", "let a device in again that was shut out, or a key, or a serial"),
        ("decommission", "forget whose key a device id belongs to"),
        ("settle", "say that one device alone has the key again that two had"),
    ):
        add = _action(group, name, about, name, words.done)
        add("device_id", metavar="DEVICE")
        if name == "revoke":
            add("--reason", metavar="TEXT", default="", help="for the audit trail")


def _add_batch_limits(add: Callable[..., Any]) -> None:
    add("--most", metavar="N", type=whole(1, 1_000_000), default=100, help="how many devices (%(default)s)")
    add("--days", metavar="N", type=whole(1, 366), default=30, help="how long it is good (%(default)s)")


def _add_fleet(commands: Any) -> None:
    group = _group(commands, "fleet", "hand out what devices need to know their fleet")
    add = _action(group, "card", "print the fleet card, fleet.json", "card", words.card)
    _add_card(add)
    add = _action(group, "installer", "write the installer with the card inside", "card", words.card)
    _add_card(add)
    add("--installer", metavar="FILE", type=Path, required=True, help="the install_pi_client.sh of the release")
    add("--output", metavar="FILE", type=Path, required=True, help="where to write it")
    group.choices["installer"].set_defaults(command=_write_installer)
    add = _action(
        group, "rotate-certificate", "give the running server and its hub another certificate and key, at once",
        "rotate certificate", str,
    )  # fmt: skip
    add("--leaked", action="store_true", help="the old key is in strange hands: say how long that matters")
    rotate = group.choices["rotate-certificate"]
    rotate.set_defaults(command=lambda options: words.rotated(_ask(options, "rotate certificate"), options.leaked))


def _add_addresses(add: Callable[..., Any]) -> None:
    add(
        "--address", dest="servers", metavar="HOST:PORT", action="append", default=[],
        help="where devices find the server, several times (default: the running server's --server-name)",
    )  # fmt: skip


def _add_card(add: Callable[..., Any]) -> None:
    _add_addresses(add)
    add("--batch", metavar="NAME", help="put a new batch token into it: whoever has the card can enrol with it")
    _add_batch_limits(add)


def _write_installer(options: argparse.Namespace) -> str:
    from pi_auto.server.admin.installer import with_card  # noqa: PLC0415 - only this command needs it
    from pi_auto.wire.fleet_card import FleetCard  # noqa: PLC0415 - the same

    card = FleetCard.from_json(_ask(options, "card")["card"])
    try:
        script = with_card(options.installer.read_text(), card)
        write_whole(options.output, script, mode=0o700 if card.batch_token else 0o755)
    except (OSError, ValueError) as error:
        raise SystemExit(f"pi-auto-server fleet installer: {error}") from error
    return f"{options.output} holds the card of fleet {card.fleet_id}; copy it and pi_auto_client.py to the Pi"


def _ask(options: argparse.Namespace, request: str) -> dict[str, Any]:
    """Ask the running server, else the books. Raises SystemExit with a sentence."""
    from pi_auto.server.admin.socket import NotRunning, ask, socket_file  # noqa: PLC0415 - --help does not need it
    from pi_auto.wire.errors import FieldError  # noqa: PLC0415 - see above

    if not options.data:
        raise SystemExit("pi-auto-server: no data folder is named; name one with --data DIR or PI_AUTO_DATA")
    data = Path(options.data).absolute()
    told = {name: value for name, value in vars(options).items() if name in _ASKED and value is not None}
    try:
        try:
            return ask(socket_file(data), told | {"request": request})
        except NotRunning:
            return _ask_books(data, options.key_file, told | {"request": request})
    except (FieldError, OSError) as error:
        raise SystemExit(f"pi-auto-server: {error}") from error


_ASKED = (
    "name", "scopes", "days", "policy", "serial", "fingerprint", "most", "device_id", "reason", "servers",
    "batch", "leaked",
)  # fmt: skip


def _ask_books(data: Path, key_file: Path | None, question: dict[str, Any]) -> dict[str, Any]:
    from contextlib import closing  # noqa: PLC0415 - see above

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
        raise SystemExit(f"pi-auto-server: {error}") from error


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]
