"""The lock on a data folder: two hubs that wrote one log would destroy it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_auto.hub.errors import OperatorError


class LockedError(OperatorError):
    """Another hub runs on the data folder."""


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the data folder. Raises LockedError. The kernel lets go when we die."""
    lock = os.open(data / "hub.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(lock, data)
        yield
    finally:
        os.close(lock)


def _take(lock: int, data: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 32).decode(errors="replace").strip()
        raise LockedError(
            f"another hub (process {owner}) runs on {data}: stop it or name another --data"
        ) from None
    os.truncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
