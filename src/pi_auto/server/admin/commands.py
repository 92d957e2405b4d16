"""The administrator's commands of `pi-auto-server`: questions to the running server, answered in words."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_auto.files import write_whole
from pi_auto.server.admin import teaching, words
from pi_auto.server.admin.asking import action_of, ask, group_of
from pi_auto.server.legacy.commands import add_legacy
from pi_auto.server.releases.commands import add_release
from pi_auto.server.rollouts.commands import add_rollout
from pi_auto.server.sizing import whole

_SCOPES = ("read", "devices", "fleet", "operators")
_OUT = "the device's id, or a key or serial of `enrolment shut-out`"
_POLICIES = ("approve", "batch", "preauthorised", "closed")


def add_admin(commands: Any) -> None:
    """Add them to a command line."""
    for add in (_add_operator, _add_enrolment, _add_fleet, add_legacy, add_release, add_rollout):
        add(commands)


def _add_operator(commands: Any) -> None:
    group = group_of(commands, "operator", "let people and scripts in", teaching.OPERATOR)
    action_of(
        group, "link", "make a link that signs a person in, once, within 24 hours", "link", lambda a: a["link"]
    )
    add = action_of(
        group, "token-create", "make an API token; it is shown once", "token create", lambda a: a["token"]
    )
    add("name", metavar="NAME", help="what the audit trail calls it")
    add("--scopes", metavar="SCOPES", type=_words, required=True, help=f"some of {','.join(_SCOPES)}")
    add("--days", metavar="N", type=whole(1, 3660), help="how long it is good (default: until it is revoked)")
    action_of(group, "token-list", "list the tokens that there are and were", "token list", words.tokens)
    add = action_of(group, "token-revoke", "let a token be good for nothing", "token revoke", lambda _: "revoked")
    add("name", metavar="NAME", help="of `operator token-list`")


def _add_enrolment(commands: Any) -> None:
    group = group_of(commands, "enrolment", "say which devices are taken in", teaching.ENROLMENT)
    add = action_of(group, "policy", "show or set the policy", "policy", lambda a: str(a["policy"]))
    add("policy", metavar="POLICY", nargs="?", choices=_POLICIES, help=", ".join(_POLICIES))
    action_of(group, "pending", "list the devices that wait", "pending", words.pending)
    add = action_of(
        group, "approve", "say yes to a device that waits", "approve", lambda a: f"approved {a['device_id']}"
    )
    add("serial", metavar="SERIAL", help="of `enrolment pending`")
    add("fingerprint", metavar="KEY", help="the first digits, eight at least, of its key's fingerprint")
    add = action_of(group, "refuse", "say no to a device that waits: its key is shut out", "refuse", words.refused)
    add("serial", metavar="SERIAL", help="of `enrolment pending`")
    add("fingerprint", metavar="KEY", help="as with approve")
    add = action_of(group, "code", "make a one-time code that binds a box without a card", "code", words.code)
    add("serial", metavar="SERIAL", nargs="?", help="the only box that it is for (default: any)")
    _add_addresses(add)
    action_of(group, "clones", "list the devices whose key two devices have", "clones", words.clones)
    action_of(group, "shut-out", "list the serials and keys that are shut out", "shut out", words.shut_out)
    action_of(group, "hub", "list what the hub has still to be told", "wishes", words.wishes)
    add = action_of(group, "preauthorise", "let a serial in that has not asked yet", "preauthorise", words.secret)
    add(
        "serial",
        metavar="SERIAL",
        help="the serial number of the Raspberry Pi: grep Serial /proc/cpuinfo",
    )
    add("--fingerprint", metavar="KEY", help="its key's fingerprint; else a one-time secret is made for it")
    add("--days", metavar="N", type=whole(1, 366), default=30, help="how long that is good (%(default)s)")
    add = action_of(group, "batch-create", "make a token that lets many in", "batch create", lambda a: a["token"])
    add("name", metavar="NAME", help="what the lists call it")
    _add_batch_limits(add)
    add = action_of(group, "batch-end", "let a batch token be good for nothing", "batch end", lambda _: "ended")
    add("name", metavar="NAME", help="what it was called when it was made")
    for name, about in (
        ("revoke", "shut a device out, whatever it shows"),
        ("lift", "let a device in again that was shut out, or a key, or a serial"),
        ("decommission", "forget whose key a device id belongs to"),
        ("settle", "say that one device alone has the key again that two had"),
    ):
        add = action_of(group, name, about, name, words.done)
        add("device_id", metavar="DEVICE", help=_OUT if name == "lift" else "the device's id, such as pi-1a2b3c4d")
        if name == "revoke":
            add("--reason", metavar="TEXT", default="", help="for the audit trail")


def _add_batch_limits(add: Callable[..., Any]) -> None:
    add("--most", metavar="N", type=whole(1, 1_000_000), default=100, help="how many devices (%(default)s)")
    add("--days", metavar="N", type=whole(1, 366), default=30, help="how long it is good (%(default)s)")


def _add_fleet(commands: Any) -> None:
    group = group_of(commands, "fleet", "hand out what devices need to know their fleet", teaching.FLEET)
    add = action_of(group, "card", "print the fleet card, fleet.json", "card", words.card)
    _add_card(add)
    add = action_of(group, "installer", "write the installer with the card inside", "card", words.card)
    _add_card(add)
    add(
        "--installer",
        metavar="FILE",
        type=Path,
        help="the install_pi_client.sh of a release (default: of the server's own)",
    )
    add("--output", metavar="FILE", type=Path, required=True, help="where to write it")
    group.choices["installer"].set_defaults(command=_write_installer)
    add = action_of(
        group, "rotate-certificate", "give the running server and its hub another certificate and key, at once",
        "rotate certificate", str,
    )  # fmt: skip
    add("--leaked", action="store_true", help="the old key is in strange hands: say how long that matters")
    rotate = group.choices["rotate-certificate"]
    rotate.set_defaults(command=lambda options: words.rotated(ask(options, "rotate certificate"), options.leaked))


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
    from pi_auto.server.admin.installer import own_script, with_card  # noqa: PLC0415 - only this command needs it
    from pi_auto.wire.fleet_card import FleetCard  # noqa: PLC0415 - the same

    card = FleetCard.from_json(ask(options, "card")["card"])
    try:
        script = with_card(options.installer.read_text() if options.installer else own_script(), card)
    except OSError as error:
        raise SystemExit(f"pi-auto-server fleet installer: {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise SystemExit(f"pi-auto-server fleet installer: {error}") from error
    try:
        write_whole(options.output, script, mode=0o700 if card.batch_token else 0o755)
    except OSError as error:
        raise SystemExit(f"pi-auto-server fleet installer: {options.output}: {error.strerror}") from error
    return f"{options.output} holds the card of fleet {card.fleet_id}; copy it and pi_auto_client.py to the Pi"


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]
