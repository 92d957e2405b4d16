"""The hand-over: a folder that holds what root's switcher needs, there as a whole or not at all.

    <state>/agent/update/ready/     archive, request.json, metadata/
    /run/pi-auto-client/update      made by the agent; systemd waits for it (pi-auto-update.path)

The switcher believes none of it: it copies, and verifies by the root that it knows itself.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pi_auto.files import fsync_folder, write_whole

FOLDER, WISH = "ready", "update"
_NEW, _OLD = ".ready.new", ".ready.old"
_MOST_REQUEST = 4096  # bytes


def hand_over(folder: Path, archive: Path, metadata: Sequence[Path], request: dict[str, str]) -> None:
    """Make `folder`/ready of a verified `archive`, which goes into it, and files of metadata. Raises OSError."""
    new = folder / _NEW
    clear_away(folder)
    (new / "metadata").mkdir(parents=True, mode=0o750)
    for file in metadata:
        write_whole(new / "metadata" / file.name, file.read_bytes(), mode=0o640)
    write_whole(new / "request.json", json.dumps(request), mode=0o640)
    archive.rename(new / "archive")
    fsync_folder(new)
    take_back(folder)
    new.rename(folder / FOLDER)
    fsync_folder(folder)


def handed_over(folder: Path) -> str | None:
    """The update_id of what lies ready; None for nothing."""
    try:
        with (folder / FOLDER / "request.json").open("rb") as file:
            named = json.loads(file.read(_MOST_REQUEST))["update_id"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return named if isinstance(named, str) else None


def take_back(folder: Path) -> None:
    """What lay ready is of no use any more."""
    shutil.rmtree(folder / _OLD, ignore_errors=True)
    with suppress(FileNotFoundError):
        (folder / FOLDER).rename(folder / _OLD)
        shutil.rmtree(folder / _OLD, ignore_errors=True)


def clear_away(folder: Path) -> None:
    """What a power cut has left of a hand-over that came to no end, or was taken back: an archive each."""
    for name in (_NEW, _OLD):
        shutil.rmtree(folder / name, ignore_errors=True)


def wake_switcher(runtime: Path | None) -> bool:
    """Have systemd start it; False where nothing was installed that would. Raises OSError."""
    if runtime is None:
        return False
    descriptor = os.open(runtime / WISH, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
    os.close(descriptor)
    return True
