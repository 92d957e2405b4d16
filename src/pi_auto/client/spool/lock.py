"""Keeps a second capture away from a spool: two writers would fight over it and corrupt it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_auto.client.spool.errors import SpoolRefused

_FILE_NAME = "capture.lock"


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; SpoolRefused if another holds it. The kernel lets go of a dead one's."""
    descriptor = os.open(folder / _FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpoolRefused(
                f"{folder} is in use by another capture; give each one a state folder of its own"
            ) from None
        yield
    finally:
        os.close(descriptor)
