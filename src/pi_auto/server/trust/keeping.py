"""The two ways in which a secret's file comes to be: made once and never replaced, or replaced whole.

A secret that is made twice splits a fleet in two, so what is made once is put in place by a
link, which fails where something is: of two that try, or of two tries around a power cut, the
first holds.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pi_auto.files import fsync_folder

MODE = 0o600
MOST = 256 * 1024  # bytes


def make_once(path: Path, content: bytes) -> bytes:
    """Put `content` at `path` unless something is there; what is there then. Durable when it returns."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)
    return read(path)


def read(path: Path) -> bytes:
    """What a secret's file holds. Raises OSError."""
    with path.open("rb") as file:
        return file.read(MOST)
