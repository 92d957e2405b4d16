"""Keeps a second process of a kind away from a folder: two would fight over it and do everything twice."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

PATIENCE = 6.0  # seconds: a process whose supervisor was killed takes up to five to go
_LOOK = 0.1  # seconds


def hold_alone(file: Path) -> int:
    """Hold the lock `file`, made if need be, until the returned descriptor is closed or this process dies.

    Raises BlockingIOError if another process holds it and does not go, OSError if it cannot be used.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + PATIENCE
    while not _held(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise BlockingIOError(f"another process works on {file.parent}")
        time.sleep(_LOOK)
    return descriptor


def _held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
