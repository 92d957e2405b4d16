"""Keeps a second capture away from a spool: two writers would fight over it and corrupt it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_auto.client.alone import hold_alone
from pi_auto.client.spool.errors import SpoolRefused

_FILE_NAME = "capture.lock"


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; SpoolRefused if another holds it and stays, or if it cannot be held."""
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
        yield
    finally:
        os.close(descriptor)
