"""Reads what others may have put there: never through a link, only plain files, and never more than asked for.

Root reads files in the agent's folder, and capture what the agent tells. Whoever writes in that folder may plant a
link, a pipe that never ends or a file of any size, and change it meanwhile: it is opened once, and read once.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_HOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Unsafe(Exception):  # noqa: N818 - named for what it is
    """What is there is not to be read; the sentence says what it is."""


def read_planted(folder: Path, name: str, most: int) -> bytes | None:
    """A file's bytes, or nothing where there is none. Raises Unsafe and OSError.

    `folder` is itself no link, and lies in one that only root can write.
    """
    try:
        at = os.open(folder, _FOLDER)
    except FileNotFoundError:
        return None
    try:
        return _read(at, name, most)
    finally:
        os.close(at)


def read_of_another(file: Path, most: int) -> bytes | None:
    """What another user's program tells in a file, `most` bytes at most; nothing where no plain file is.

    Nobody is waited for. Raises PermissionError if that is not for this user.
    """
    try:
        opened = os.open(file, _HOW)
    except PermissionError:
        raise
    except OSError:
        return None
    with os.fdopen(opened, "rb") as told:
        return told.read(most) if stat.S_ISREG(os.fstat(opened).st_mode) else None


def remove_planted(folder: Path, name: str) -> None:
    """Take a file away: a link goes as such, and a folder, which nobody reads, stays. Raises OSError."""
    with suppress(FileNotFoundError, IsADirectoryError):
        at = os.open(folder, _FOLDER)
        try:
            os.unlink(name, dir_fd=at)
        finally:
            os.close(at)


def read_own(file: Path, most: int, owner: int = 0) -> bytes | None:
    """A file that only `owner` can have written, or nothing where there is none. Raises Unsafe and OSError."""
    try:
        opened = os.open(file, _HOW)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(opened)
        if found.st_uid != owner or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Unsafe("others than root can write it")
        return _content(opened, most)
    finally:
        os.close(opened)


def _read(at: int, name: str, most: int) -> bytes | None:
    try:
        opened = os.open(name, _HOW, dir_fd=at)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unsafe(f"it cannot be opened as a file: {error.strerror}") from None
    try:
        return _content(opened, most)
    finally:
        os.close(opened)


def _content(opened: int, most: int) -> bytes:
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        raise Unsafe("it is no plain file")
    octets = b""
    while len(octets) <= most and (part := os.read(opened, most + 1 - len(octets))):
        octets += part
    if len(octets) > most:
        raise Unsafe(f"it has more than {most} bytes")
    return octets
