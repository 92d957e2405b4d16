"""The Unix socket at which the hub is asked: for its own user alone, and one hub only."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from pi_auto.hub.errors import OperatorError

_LONGEST_PATH = 107  # bytes; the kernel's limit for a Unix socket


def listen(path: Path) -> socket.socket:
    """A listening Unix socket at `path`, mode 0600. One that a killed hub left there is replaced.

    Raises OperatorError.
    """
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise OperatorError(f"{path} is too long for a socket: at most {_LONGEST_PATH} bytes; use --socket")
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    former = os.umask(0o177)  # a moment between bind and chmod would be enough for another user
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise OperatorError(f"cannot listen on {path}: {error.strerror}") from error
    finally:
        os.umask(former)
    return listener


def _clear(path: Path) -> None:
    """Remove a socket that nobody answers on; refuse anything else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OperatorError(f"{path} exists and is not a socket: name another with --socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise OperatorError(f"somebody listens on {path} already: name another with --socket")
