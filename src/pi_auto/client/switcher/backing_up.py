"""Backs settings and queue up before a switch: `backup_<version>_<time>.zip` for a person, the newest three.

There is no credential in it. The queue is copied by a child with the agent's rights into a folder
that is its own for that long; root takes the folder back before it reads the copy.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pi_auto
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.planted import Unsafe, read_own
from pi_auto.client.switcher.services import AGENT
from pi_auto.client.switcher.site import Site
from pi_auto.files import fsync_folder
from pi_auto.wire.fleet_card import MOST_CARD

KEPT = 3
_SETTINGS = "etc/pi_auto_client.json"
_MOST_SETTINGS = 64 * 1024
_COPYING = "update-copying"  # a folder in <state>
_PATIENCE = 300.0  # seconds
_CHILD = "import sys; sys.path[0] = sys.argv[1]; from pi_auto.client.switcher.copying import main; "
_CHILD += "sys.exit(main(*sys.argv[2:]))"


def queue_bytes(site: Site) -> int:
    """How much the queue takes up on the disk, as its folder tells; nothing of it is opened."""
    sizes = 0
    with suppress(OSError):
        folder = os.open(site.state / "capture", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            for name in ("spool.sqlite", "spool.sqlite-wal"):
                with suppress(OSError):
                    sizes += os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
        finally:
            os.close(folder)
    return sizes


def back_up(site: Site, version: str) -> Path:
    """Write the backup, and remove all but the newest three. Raises OSError."""
    place = site.state / f"backup_{version}_{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.zip"
    temporary = site.own / "backup.zip"
    temporary.unlink(missing_ok=True)
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, most in ((site.root / _SETTINGS, _MOST_SETTINGS), (site.card, MOST_CARD)):
            with suppress(Unsafe):
                if octets := read_own(file, most, site.owner):
                    archive.writestr(file.name, octets)
        _add_queue(site, archive)
    with temporary.open("rb") as written:
        os.fchmod(written.fileno(), 0o600)
        os.fsync(written.fileno())
    temporary.rename(place)
    fsync_folder(site.state)
    _prune(site, place)
    return place


def _add_queue(site: Site, archive: zipfile.ZipFile) -> None:
    with _folder_of(site, AGENT) as folder:
        copy = folder / "spool.sqlite"
        app = str(Path(pi_auto.__file__).parents[1])
        command = [sys.executable, "-I", "-c", _CHILD, app, str(site.state / "capture"), str(copy)]
        try:
            site.services.run_as(AGENT, command, _PATIENCE)
        except SetupFailed as error:
            archive.writestr("queue.txt", f"the queue is not in this backup: {error}\n")
            return
        _take_back(site, folder)
        if copy.is_file() and not copy.is_symlink() and copy.stat().st_nlink == 1:  # else it is another's file
            archive.write(copy, copy.name)


@contextmanager
def _folder_of(site: Site, user: str) -> Iterator[Path]:
    folder = site.state / _COPYING
    _remove(site, folder)
    folder.mkdir(mode=0o700)
    os.chown(folder, site.services.uid_of(user), -1)
    try:
        yield folder
    finally:
        _remove(site, folder)


def _take_back(site: Site, folder: Path) -> None:
    """From here on nobody else changes names in it, whatever mode its owner has given it."""
    os.chown(folder, site.owner, -1, follow_symlinks=False)
    folder.chmod(0o700)


def _remove(site: Site, folder: Path) -> None:
    if folder.is_dir():
        _take_back(site, folder)
        shutil.rmtree(folder)


def _prune(site: Site, made: Path) -> None:
    """The one just made stays whatever the others' times say: the clock may have been ahead when they were."""
    others = [file for file in site.state.glob("backup_*_*.zip") if file != made]
    for old in sorted(others, key=lambda file: file.stat().st_mtime_ns)[: 1 - KEPT]:
        old.unlink()
