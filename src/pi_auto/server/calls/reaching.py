"""What a command finds in the data folder of the server that runs there: the hub it uses, the devices it knows."""

from __future__ import annotations

import argparse
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pi_auto.server.errors import CommandFailed
from pi_auto.server.links.azure.settings import read_service
from pi_auto.server.links.control import ControlRoom
from pi_auto.server.links.stopping import SOCKET
from pi_auto.server.settings import is_azure
from pi_auto.server.store.engine import BOOKS
from pi_auto.wire.escape import printable

if TYPE_CHECKING:
    from pi_auto.server.links.azure.link import AzureLink

_BUSY = 10.0  # seconds
_CLONED = "SELECT 1 FROM identities WHERE device_id = ? AND cloned_at IS NOT NULL"
_DECISIONS = """
    SELECT at, actor, action, subject, outcome, detail, address, times, last_at FROM audit
    WHERE coalesce(last_at, at) >= ? AND (? IS NULL OR subject = ?) ORDER BY number
"""
_DEVICES = "SELECT device_id, hostname FROM devices ORDER BY device_id"


def hub_of(options: argparse.Namespace) -> ControlRoom | AzureLink:
    """The hub of the server whose data folder is named, or the one at Azure. Nothing is asked of it yet.

    Raises SettingsError and HubFailed.
    """
    if is_azure(options.hub):
        from pi_auto.server.links.azure.link import AzureLink  # noqa: PLC0415 - takes a while to load

        return AzureLink.to_ask(read_service(options.azure_service_file, entra=options.azure_entra))
    return ControlRoom(Path(options.data).absolute() / "hub" / SOCKET)


def known_devices(data: Path) -> list[tuple[str, str | None]]:
    """Ids and host names, read beside the running server: whoever only reads disturbs no writer."""
    path = data / BOOKS
    if not path.exists():
        raise CommandFailed(
            f"no server keeps its data in {data}: there is no {BOOKS}; name its folder with --data"
        )
    return [(str(device_id), hostname) for device_id, hostname in _read(path, _DEVICES, ())]


def decisions(data: Path, subject: str | None, since: str) -> list[Any]:
    """Rows of the audit trail in the books, the oldest first: about one subject or all, from `since` on."""
    path = data / BOOKS
    if not path.exists():
        return []
    return _read(path, _DECISIONS, (since, subject, subject))


def require_single(data: Path, device_id: str) -> None:
    """Nothing is asked of two devices that have one key. Raises CommandFailed."""
    path = data / BOOKS
    if path.exists() and _read(path, _CLONED, (device_id,)):
        raise CommandFailed(
            f"two devices speak with the key of {device_id}, so it gets no commands: find both, give one a new"
            f" card, then `pi-auto-server enrolment settle {device_id}`"
        )


def _read(path: Path, query: str, values: tuple[str | None, ...]) -> list[Any]:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY)) as books:
            return books.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise CommandFailed(f"{path} cannot be read: {printable(str(error))}") from error
