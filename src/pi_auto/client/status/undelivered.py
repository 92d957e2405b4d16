"""How many records would be lost if this device's data were deleted now: for whoever is about to delete it.

A destination that is out of use, such as the hub of a site that has none, waits for nothing.
What cannot be told is never taken for nothing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import API, DESTINATIONS
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.replacing import SET_ASIDE
from pi_auto.client.spool.retiring import FORMER
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.client.spool.settled import settled_at


def undelivered(settings: Settings) -> int | None:
    """The records that the slower of the two ways has still to take; None where that cannot be told."""
    try:
        if not _has_spool(settings.capture_folder):
            return 0
        return _of_this_device(settings) + _of_former_ones(settings)
    except (SpoolUnavailable, sqlite3.Error, OSError):
        return None


def _of_this_device(settings: Settings) -> int:
    with SpoolReader(settings.capture_folder) as reader:
        spool, newest = reader.uuid(), reader.newest()
    return newest - _settled(settings.agent_folder / "marks.sqlite", spool) if newest else 0


def _of_former_ones(settings: Settings) -> int:
    """Of devices that this card was before, in other machines: the API alone gets theirs.

    One that does not say which machine it is of has its scans all the same.
    """
    left = 0
    for path in (settings.capture_folder / FORMER).glob(f"*/{FILE_NAME}"):
        with SpoolReader(path.parent) as reader:
            left += reader.newest() - settled_at(settings.agent_folder / "marks.sqlite", API, reader.uuid())
    return left


def _has_spool(folder: Path) -> bool:
    """Whether anything of a spool lies there, also one that is just being replaced, or was put away."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return False
    return any(name.startswith(FILE_NAME) or name in {SET_ASIDE, FORMER} for name in names)


def _settled(path: Path, spool: str) -> int:
    if not path.exists():
        return 0  # the agent has never run
    with closing(Marks.reading(path)) as marks:
        return min(marks.through(name, spool) for name in DESTINATIONS if marks.in_use(name))
