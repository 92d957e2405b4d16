"""The administrator's commands of `pi-auto-server`: questions to the running server, answered in words."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_auto.files import write_whole
from pi_auto.server.admin import teaching, words
from pi_auto.server.admin.asking import action_of, ask, group_of
from pi_auto.server.enrolment.commands import add_addresses, add_batch_limits, add_enrolment
from pi_auto.server.legacy.commands import add_legacy
from pi_auto.server.releases.commands import add_release
from pi_auto.server.rollouts.commands import add_rollout
from pi_auto.server.sizing import whole

_SCOPES = ("read", "devices", "fleet", "operators")


def add_admin(commands: Any) -> None:
    """Add them to a command line."""
    for add in (_add_operator, add_enrolment, _add_fleet, add_legacy, add_release, add_rollout):
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


def _add_card(add: Callable[..., Any]) -> None:
    add_addresses(add)
    add("--batch", metavar="NAME", help="put a new batch token into it: whoever has the card can enrol with it")
    add_batch_limits(add)


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
