"""Keeps a second capture away from a spool: two writers would fight over it and corrupt it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pi_auto.client.alone import hold_alone
from pi_auto.client.spool.errors import SpoolRefused

_FILE_NAME = "capture.lock"


@contextmanager
def sole_writer(folder: Path) -> Iterator[Callable[[], None]]:
    """Hold the folder for this process; SpoolRefused if another holds it and stays, or if it cannot be held.

    What is yielded lets go of it before the end.
    """
    file = folder / _FILE_NAME
    try:
        descriptor = hold_alone(file)
    except BlockingIOError:
        raise SpoolRefused(
            f"{folder} is in use by another capture; give each one a state folder of its own"
        ) from None
    except OSError as error:
        raise SpoolRefused(f"{file} cannot be used ({error.strerror}); allowed: a file of this user") from None
    try:
        yield partial(fcntl.flock, descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def wait_to_be_sole_writer(folder: Path) -> None:
    """Hold it until this process ends, as soon as the one that holds it lets go. Raises OSError."""
    descriptor = os.open(folder / _FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
