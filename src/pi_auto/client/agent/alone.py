"""Keeps a second agent away from a state folder: both would deliver everything, and fight over the bell."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

_PATIENCE = 6.0  # seconds: an agent whose supervisor was killed takes up to five to go
_LOOK = 0.1  # seconds


def hold_alone(folder: Path, patience: float = _PATIENCE) -> int:
    """Hold `folder` for this process until the returned descriptor is closed; the kernel lets go when it dies.

    Raises OSError if another agent does not go.
    """
    descriptor = os.open(folder / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while not _held(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise BlockingIOError(f"another agent works on {folder}; give each one a state folder of its own")
        time.sleep(_LOOK)
    return descriptor


def _held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
