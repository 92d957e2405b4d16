"""One at a time: whoever installs, upgrades or erases this machine keeps the others away."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pi_auto.client.appliance.errors import SetupFailed

_LOCK = "/run/pi-auto-client-setup.lock"


@contextmanager
def alone() -> Iterator[None]:
    """Keep a second installer away. Raises SetupFailed if one is at work."""
    descriptor = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SetupFailed("another installation or factory reset is running; wait until it has finished") from None
    else:
        yield
    finally:
        os.close(descriptor)
