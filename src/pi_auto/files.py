"""The one way to write a file that matters: whole or not at all, whenever the power goes."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(
    path: Path,
    content: bytes | str,
    *,
    mode: int = 0o644,
    durable: bool = True,
    owner: tuple[int, int] | None = None,
) -> None:
    """Replace `path` by a file that holds `content`: temporary name, fsync, rename, fsync of the folder.

    What is not `durable` is whole for every reader as well, but may be gone or empty after a power cut.
    `owner` is a user and a group, for root to give it to.
    """
    octets = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        _write_new(temporary, octets, mode, durable=durable, owner=owner)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: Path, octets: bytes, mode: int, *, durable: bool, owner: tuple[int, int] | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        if owner:
            os.fchown(descriptor, *owner)
        file.write(octets)
        file.flush()
        if durable:
            os.fsync(file.fileno())
