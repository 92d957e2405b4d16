"""Takes a backup of a data folder, whether its server runs or not: one sealed file, whole or not there.

Databases are copied first and by SQLite's own means, each as it was at one moment: the books
before the hub's files, so that the hub has all that the books say they have read of it. The
copies lie in the data folder while the backup is made, never in the clear where it goes.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote

from pi_auto.files import fsync_folder
from pi_auto.server.backups.stream import SealingWriter
from pi_auto.server.store.engine import BOOKS
from pi_auto.server.trust.sealing import SealingKey
from pi_auto.version import __version__

ABOUT = "about.json"
ENDING = ".pi-auto-backup"
_WORK = ".backup"
_DATABASE = ".sqlite"
_PASSING = ("-wal", "-shm", "-journal", ".tmp", ".key")  # part of a database, half-written, or never ours to take
_LEFT_OUT = ("lock", "restoring", _WORK)
_BUSY = 30.0  # seconds that a writer of the audit is waited for


class BackupError(Exception):
    """No backup was made, or none restored; the sentence says why."""


def make_backup(data: Path, folder: Path, key: SealingKey, now: datetime) -> Path:
    """Write a backup of `data` into `folder`; its path. Raises BackupError."""
    target = folder / f"pi-auto-server-{now:%Y%m%dT%H%M%SZ}{ENDING}"
    refuse_other_folders(data)
    if target.exists():
        raise BackupError(f"{target} is there already; wait a second")
    temporary = folder / f".{target.name}.tmp"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _work_folder(data) as work:
            _write(temporary, data, work, key, now)
        temporary.rename(target)
        fsync_folder(folder)
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        why = getattr(error, "strerror", None) or error
        raise BackupError(f"no backup of {data} in {folder}: {why}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return target


def refuse_other_folders(data: Path) -> None:
    """Raise BackupError where no server has its data, and OSError where nobody may look."""
    if not (data / BOOKS).exists():
        raise BackupError(f"{data} holds no books; name the server's data folder with --data DIR")


def forget_old(made: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` backups beside the one that was just made; which they were.

    One of a later time was made by a clock that was ahead: it goes first, or it would outlive all that are newer.
    """
    found = made.parent.glob(f"pi-auto-server-*{ENDING}")
    old = sorted(found, key=lambda path: (path.name <= made.name, path.name))[:-keep]
    for path in old:
        path.unlink(missing_ok=True)
    return old


@contextmanager
def _work_folder(data: Path) -> Iterator[Path]:
    """A folder for this backup alone; what a killed one left behind is gone."""
    work = data / _WORK
    work.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError(f"another backup of {data} is under way") from None
        _empty(work)
        yield work
        _empty(work)
    finally:
        os.close(lock)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _write(temporary: Path, data: Path, work: Path, key: SealingKey, now: datetime) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        sealed = SealingWriter(key, file)
        with tarfile.open(fileobj=cast(IO[bytes], sealed), mode="w|", format=tarfile.PAX_FORMAT) as archive:
            about = json.dumps({"version": __version__, "made_at": now.isoformat()}).encode()
            _add(archive, ABOUT, io.BytesIO(about), len(about))
            for name in _names(data):
                _add_file(archive, data, work, name)
        sealed.finish()
        file.flush()
        os.fsync(file.fileno())


def _names(data: Path) -> list[str]:
    """What belongs into it: the books, the other databases, then the rest."""
    files = [
        str(path.relative_to(data))
        for path in data.rglob("*")
        if path.relative_to(data).parts[0] not in _LEFT_OUT and not path.name.endswith(_PASSING) and _is_file(path)
    ]
    return sorted(files, key=lambda name: (name != BOOKS, not name.endswith(_DATABASE), name))


def _is_file(path: Path) -> bool:
    """Whether it is one, still: the hub drops old events, the server old bundles."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _add_file(archive: tarfile.TarFile, data: Path, work: Path, name: str) -> None:
    path = data / name
    if name.endswith(_DATABASE):
        path = work / "copy"
        _copy_database(data / name, path)
    with suppress(FileNotFoundError), path.open("rb") as file:  # it may be gone by now
        _add(archive, name, file, os.fstat(file.fileno()).st_size)
    if path.parent == work:
        path.unlink()


def _copy_database(path: Path, copy: Path) -> None:
    """The database as it is at one moment, in a file that needs no other beside it."""
    source = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY)
    with closing(source), closing(sqlite3.connect(copy)) as target:
        copy.chmod(0o600)
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE").close()
        said = target.execute("PRAGMA quick_check").fetchone()[0]
    if said != "ok":
        raise BackupError(f"{path} is damaged: {said}; the backups before this one are the ones to restore")


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, file)
