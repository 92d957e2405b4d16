"""The disk that scans are kept on: how much room is left for them."""

from __future__ import annotations

import os
from pathlib import Path

_COARSE = 1024 * 1024  # bytes: what is free changes with every log line, and is news only by the MiB


def disk(folder: Path) -> dict[str, int] | None:
    """Of the file system of `folder`: free and total bytes in whole MiB, and percent used; None if it is gone."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    if not total:
        return None
    whole = {"free": free // _COARSE * _COARSE, "total": total // _COARSE * _COARSE}
    return whole | {"percent": round(100 * (total - free) / total)}
