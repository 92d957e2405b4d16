"""The administrator's Unix socket: one JSON line in, one out, then the end. Who can open it has every right.

It lies in a folder that only the server's user may enter, so the kernel does the letting in.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pi_auto.wire.errors import FieldError
from pi_auto.wire.strict_json import read_strictly

MOST = 256 * 1024  # bytes of a question
MOST_ANSWER = 4 * 1024 * 1024  # bytes; 500 rows with a reason in Cyrillic, of which JSON makes six bytes a letter
_PATIENCE = 30.0  # seconds
_WHILE_CROWDED = 0.5
_CROWDED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)  # they pass
_log = logging.getLogger(__name__)
Answer = Callable[[dict[str, Any]], dict[str, Any]]


class NotRunning(Exception):  # noqa: N818 - a condition
    """No server listens there."""


def socket_file(data: Path) -> Path:
    """Where it lies."""
    return data / "trust" / "admin.sock"


def listen(path: Path) -> socket.socket:
    """The listening socket, in place of one that a server has left behind. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _at(path, listener.bind)
        path.chmod(0o600)
        listener.listen(8)
    except BaseException:
        listener.close()
        raise
    return listener


def serve(listener: socket.socket, answer: Answer) -> None:
    """Answer questions, one after the other, until the socket is closed."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError as error:
            if error.errno not in _CROWDED:
                return
            time.sleep(_WHILE_CROWDED)
            continue
        with connection:
            connection.settimeout(_PATIENCE)
            try:
                said = _answered(_read_line(connection), answer)
                connection.sendall(json.dumps(said).encode() + b"\n")
            except OSError as error:
                _log.warning("an administrator's question was not answered: %s", error)


def start(path: Path, answer: Answer) -> socket.socket:
    """Listen and answer in the background. Closing the socket ends it."""
    listener = listen(path)
    threading.Thread(target=serve, args=(listener, answer), name="admin", daemon=True).start()
    return listener


def ask(path: Path, question: dict[str, Any]) -> dict[str, Any]:
    """The running server's answer. Raises NotRunning, or FieldError for what the server refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        try:
            _at(path, connection.connect)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunning(str(path)) from error
        connection.sendall(json.dumps(question).encode() + b"\n")
        answer = read_strictly(_read_line(connection, MOST_ANSWER), "the server's answer", most=MOST_ANSWER)
    if refused := answer.get("refused"):
        raise FieldError(refused["field"], refused["value"], refused["allowed"])
    return answer


def _answered(line: bytes, answer: Answer) -> dict[str, Any]:
    try:
        return answer(read_strictly(line, "the question", most=MOST))
    except FieldError as error:
        return {"refused": error.to_json()}
    except Exception:  # noqa: BLE001 - one question must not end the answering
        _log.exception("an administrator's question failed")
        wrong = FieldError("the question", "one that failed", "see the server's log")
        return {"refused": wrong.to_json()}


def _read_line(connection: socket.socket, most: int = MOST) -> bytes:
    parts, length = [], 0
    while part := connection.recv(65536):
        parts.append(part)
        length += len(part)
        if part.endswith(b"\n") or length > most:
            break
    return b"".join(parts)


def _at(path: Path, use: Callable[[str], None]) -> None:
    """Use a socket's path however long it is: the kernel takes 107 bytes, /proc makes it short."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        use(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def close(listener: socket.socket, path: Path) -> None:
    """Stop answering, and take the socket away."""
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    path.unlink(missing_ok=True)
