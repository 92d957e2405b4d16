"""Puts a backup into an empty data folder. Until all of it is there a mark keeps every server away.

A restore that was cut off is simply run again. What came after the backup is not in it: devices
are asked for what they still keep once they deliver (scans/settling.py).
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from pi_auto.files import fsync_folder, write_whole
from pi_auto.server.backups.making import ABOUT, BackupError
from pi_auto.server.backups.stream import OpeningReader
from pi_auto.server.store.engine import BOOKS, RESTORING, StoreError, lock_folder
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.sealing import SealingKey

_LOCK = "lock"
_PATIENCE = 3.0  # seconds for a server that was just told to stop


def restore(backup: Path, data: Path, key: SealingKey) -> dict[str, Any]:
    """Make `data` what it was; what the backup says of itself. Raises BackupError."""
    try:
        with backup.open("rb") as sealed:
            opened = OpeningReader(key, sealed)
            lock = lock_folder(data, _PATIENCE)
            try:
                _make_room(data)
                about = _unpack(opened, data)
            finally:
                os.close(lock)
    except (OSError, tarfile.TarError, TrustError, StoreError) as error:
        why = getattr(error, "strerror", None) or error
        raise BackupError(f"{backup} is not restored: {why}") from error
    return about


def _make_room(data: Path) -> None:
    """Mark the folder; clear away what an earlier try has left."""
    found = [path for path in data.iterdir() if path.name not in (_LOCK, RESTORING)]
    if found and not (data / RESTORING).exists():
        raise BackupError(
            f"{data} is not empty: it holds {found[0].name}; move what is in it away first, nothing is overwritten"
        )
    write_whole(data / RESTORING, "a backup is being restored here\n", mode=0o600)
    for path in found:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _unpack(opened: OpeningReader, data: Path) -> dict[str, Any]:
    about: dict[str, Any] = {}
    with tarfile.open(fileobj=cast(IO[bytes], opened), mode="r|") as archive:
        for member in archive:
            with closing(cast(IO[bytes], archive.extractfile(member))) as content:
                if member.name == ABOUT:
                    about = json.loads(content.read())
                else:
                    _put(data, member.name, content)
    while opened.read(1 << 20):  # to its very end, where a cut shows
        pass
    if not (data / BOOKS).exists():
        raise BackupError("the backup holds no books")
    (data / RESTORING).unlink()
    fsync_folder(data)
    return about


def _put(data: Path, name: str, content: IO[bytes]) -> None:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/"):
        raise BackupError(f"the backup names {name[:80]!r}, which is outside of the data folder")
    path = data.joinpath(*parts)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())
    fsync_folder(path.parent)
