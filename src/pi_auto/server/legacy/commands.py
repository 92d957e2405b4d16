"""The commands `legacy …` of `pi-auto-server`: for which old clients there is an exception, and until when."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from pi_auto.server.admin import teaching
from pi_auto.server.admin.asking import action_of, ask, group_of
from pi_auto.server.sizing import whole

_ABOUT = (
    "serve the shipped old clients, which have no key, for a time: whatever they send can be overheard and forged"
)


def add_legacy(commands: Any) -> None:
    """Add them to a command line."""
    group = group_of(commands, "legacy", _ABOUT, teaching.LEGACY)
    add = action_of(group, "on", "open networks for old clients; that ends by itself", "legacy on", _opened)
    add(
        "--network", dest="networks", metavar="NETWORK", action="append", required=True,
        help="such as 192.168.1.0/24, several times",
    )  # fmt: skip
    add("--days", metavar="N", type=whole(1, 30), default=30, help="for how long (%(default)s)")
    about = "close networks, or all of them; the old clients' hub identities are switched off"
    add = action_of(group, "off", about, "legacy off", lambda a: f"closed {a['closed']}")
    add("--network", dest="networks", metavar="NETWORK", action="append", help="only this one, several times")
    action_of(group, "list", "list the networks, and the old clients that have asked", "legacy list", _listed)
    about = "say yes to an old client, at the address it asked from"
    add = action_of(group, "approve", about, "legacy approve", lambda a: f"approved as {a['hub_id']}")
    add("device_id", metavar="DEVICE", help="what it calls itself, such as pi-1a2b3c4d")
    add("--address", metavar="ADDRESS", help="at this address: it has moved, or two have used its id")
    add("--reissue", action="store_true", help="give it a connection string once more, with new keys")
    add = action_of(group, "refuse", "say no to an old client, or no more", "legacy refuse", lambda _: "refused")
    add("device_id", metavar="DEVICE")
    _add_migration(group)


def _add_migration(group: Any) -> None:
    about = "make the update that turns an old client into a new one"
    add = action_of(group, "package", about, "card", str)
    add("--client", metavar="FILE", type=Path, required=True, help="the release's pi_auto_client.py")
    add("--installer", metavar="FILE", type=Path, required=True, help="the release's install_pi_client.sh")
    add(
        "--address", dest="servers", metavar="HOST:PORT", action="append", default=[],
        help="where devices find the server, several times (default: the running server's --server-name)",
    )  # fmt: skip
    group.choices["package"].set_defaults(command=_package)
    about = "offer these old clients that update"
    add = action_of(group, "migrate", about, "legacy migrate", lambda a: f"told {a['devices']}")
    add("device_ids", metavar="DEVICE", nargs="+")
    add("--stop", action="store_true", help="offer it no longer")


def _package(options: argparse.Namespace) -> str:
    from pi_auto.files import write_whole  # noqa: PLC0415 - only this command needs it
    from pi_auto.server.legacy.offering import update_file  # noqa: PLC0415 - the same
    from pi_auto.server.legacy.package import pack, version_of  # noqa: PLC0415 - the same
    from pi_auto.wire.fleet_card import FleetCard  # noqa: PLC0415 - the same

    card = FleetCard.from_json(ask(options, "card")["card"])
    data = Path(options.data).absolute()
    file = update_file(data)
    try:
        client = options.client.read_bytes()
        octets = pack(client, options.installer.read_text(), card)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(file, octets, mode=0o600)
        _give_to_owner_of(data, file.parent, file)
    except OSError as error:
        raise SystemExit(f"pi-auto-server legacy package: {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise SystemExit(f"pi-auto-server legacy package: {error}") from error
    return f"{file} turns old clients into {version_of(client)} of fleet {card.fleet_id}; it holds no token"


def _give_to_owner_of(data: Path, *made: Path) -> None:
    """Where root makes it for a server that runs as its own user."""
    if os.geteuid() == 0:
        owner = data.stat()
        for path in made:
            os.chown(path, owner.st_uid, owner.st_gid)


def _opened(answer: dict[str, Any]) -> str:
    return f"old clients of {', '.join(answer['networks'])} may ask until {answer['until']}"


def _listed(answer: dict[str, Any]) -> str:
    nets = [
        f"{one['network']:<20} {'open until' if one['open'] else 'closed, was until'} {one['until']}"
        for one in answer["networks"]
    ]
    more = ["and more, which are shown once these are decided on"] if answer["more"] else []
    lines = [*nets, *map(_line, answer["devices"]), *more]
    return "\n".join(lines) or "legacy mode is off, and nobody has asked"


def _line(one: dict[str, Any]) -> str:
    line = f"{one['device_id']:<16} {one['state']:<9} {one['address']:<16} {one['scans']} scans"
    line += f", connection string {one['connection_string']}, last seen {one['last_seen']}"
    line += f", update {one['update']}" if one["update"] else ""
    return line + (f"; its id was used from {one['other_address']} too" if one["other_address"] else "")
