"""Follows the fleet's roots from the one that a device knows to the newest, however many there are.

python-tuf stops at a number of them, so that nobody keeps it busy for ever; a device that was off for
years goes on from there. Each is signed by the one before, and kept. Loads python-tuf, which is costly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from pi_auto.wire.release import MOST_METADATA, MOST_ROOTS

LIMITS = UpdaterConfig(
    max_root_rotations=MOST_ROOTS,
    max_delegations=1,  # there are none
    root_max_length=MOST_METADATA,
    timestamp_max_length=MOST_METADATA,
    snapshot_max_length=MOST_METADATA,
    targets_max_length=MOST_METADATA,
)


def refreshed(updater_from: Callable[[bytes], Updater], root: bytes, folder: Path) -> Updater:
    """An updater that knows what is newest; `folder` is where it keeps that. Raises as python-tuf does."""
    while True:
        updater = updater_from(root)
        limit = version_of(root) + MOST_ROOTS
        try:
            updater.refresh()
        except (RepositoryError, DownloadError):
            if newest_root(folder) < limit:
                raise
        if newest_root(folder) < limit:
            return updater
        root = (folder / "root.json").read_bytes()


def newest_root(folder: Path) -> int:
    """The version of the newest root that is trusted there; 0 before the first."""
    try:
        return version_of((folder / "root.json").read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def version_of(root: bytes) -> int:
    """Of a root that was verified."""
    return int(json.loads(root)["signed"]["version"])
