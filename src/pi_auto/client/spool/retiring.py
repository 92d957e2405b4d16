"""Puts away the spool of another machine, whose SD card this one has got: its scans are that device's.

A spool names the machine that it was begun on. The file is made whole without its log, and moves by one rename,
so that a power cut leaves it here or there. The agent delivers it under the former name; it is kept like one that
was set aside. Beside a spool lies a note of its machine, for the day that it is damaged and cannot say so itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from pi_auto.client.spool.schema import FILE_NAME, connect_to_read, is_at_rest, uri_of
from pi_auto.files import fsync_folder, write_whole

FORMER, MACHINE = "former", "machine"  # the folder of such spools; the name in the table meta
NOTE = "spool.machine"


def retire(folder: Path, uuid: str, name: str = FILE_NAME) -> None:
    """Move the spool in `folder` away. No connection may be open on it. Raises sqlite3.Error and OSError."""
    path = folder / name
    with closing(sqlite3.connect(f"{uri_of(path)}?mode=rw", uri=True, isolation_level=None)) as spool:
        spool.execute("PRAGMA journal_mode=DELETE").fetchall()  # which takes the log in, or fails
    place = folder / FORMER / uuid
    place.mkdir(parents=True, exist_ok=True)
    fsync_folder(folder)
    fsync_folder(place.parent)
    path.rename(place / FILE_NAME)
    fsync_folder(place)
    fsync_folder(folder)


def retired(folder: Path) -> Iterator[tuple[Path, str]]:
    """The folders of all that were put away, and the machines they are of."""
    for path in sorted((folder / FORMER).glob(f"*/{FILE_NAME}")):
        if machine := machine_of(path):
            yield path.parent, machine


def name_machine(spool: sqlite3.Connection, folder: Path, uuid: str, machine: str) -> None:
    """Say whose the open spool in `folder` is: in it, and in the note beside it. Raises sqlite3.Error."""
    spool.execute("INSERT OR IGNORE INTO meta(key, value) VALUES (?, ?)", (MACHINE, machine))
    note = f"{uuid} {machine}\n"
    with suppress(OSError):  # a full disk: the spool itself says the same, as long as it can
        if _noted(folder) != note.split():
            write_whole(folder / NOTE, note)


def noted_machine(folder: Path, uuid: str) -> str | None:
    """The machine of the spool `uuid`, by the note in `folder`; None if that is of no use, or of another spool."""
    noted = _noted(folder)
    return noted[1] if len(noted) == 2 and noted[0] == uuid else None


def _noted(folder: Path) -> list[str]:
    try:
        return (folder / NOTE).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return []


def machine_of(path: Path) -> str | None:
    """The serial of the machine that a spool was begun on; None where it does not say, or cannot be read."""
    try:
        with closing(connect_to_read(path, at_rest=is_at_rest(path))) as spool:
            row = spool.execute("SELECT value FROM meta WHERE key = ?", (MACHINE,)).fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None
