"""One at a time: whoever installs, upgrades or erases this machine keeps the others away."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_auto.client.appliance.errors import SetupFailed

TRIAL = "var/lib/pi-auto-client/update/state.json"  # the switcher's, while an update is tried out
_LOCK = "run/pi-auto-client-setup.lock"
_BUSY = "another installation or factory reset is running; wait until it has finished"
_LOOK = 0.2  # seconds


@contextmanager
def alone(root: Path = Path("/"), patience: float = 0) -> Iterator[None]:
    """Keep a second installer away. Raises SetupFailed if one is at work for longer than `patience` seconds."""
    descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + patience
        while not _is_ours(descriptor):
            if time.monotonic() >= deadline:
                raise SetupFailed(_BUSY)
            time.sleep(_LOOK)
        yield
    finally:
        os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def refuse_during_trial(root: Path = Path("/")) -> None:
    """Raise SetupFailed while an update is tried out: what it would go back to is not to change meanwhile."""
    if (root / TRIAL).exists():
        raise SetupFailed(
            "an update is being tried out; wait until it has ended, or end it: sudo pi-auto-client rollback"
        )
