"""The update that turns an old client into a new one: the file that is offered, and to whom."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection

from pi_auto.server.legacy.devices import find

MOST = 32 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Update:
    """A zip file as old clients install it, and what they check it by (SHA-256, hex)."""

    version: str
    file_hash: str
    octets: bytes = field(repr=False)

    @property
    def update_id(self) -> str:
        """What it is asked for by."""
        return f"legacy-{self.file_hash[:16]}"


def update_file(data: Path) -> Path:
    """Where `pi-auto-server legacy package` puts it."""
    return data / "legacy" / "update.zip"


def update_in(data: Path) -> Update | None:
    """The update that lies there, if one does."""
    file = update_file(data)
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return _read(file, stat.st_mtime_ns, stat.st_size) if stat.st_size <= MOST else None


def offered(connection: Connection, named: str) -> bool:
    """Whether an operator wants this one to have it, and it has not said that it could not, or has it already."""
    row = find(connection, named)
    return row is not None and row.migrate_by is not None and row.update_said not in {"failed", "success"}


@lru_cache(1)
def _read(file: Path, changed: int, size: int) -> Update:  # noqa: ARG001 - what makes a file another one
    octets = file.read_bytes()
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        version = archive.comment.decode()
    return Update(version, hashlib.sha256(octets).hexdigest(), octets)
