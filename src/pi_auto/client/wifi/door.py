"""The door through which capture hands a Wi-Fi code to the helper: a Unix socket, and nothing on a disk.

The code goes in as UTF-8 up to the end of the stream; words of Outcome come back, a line each, the last being what
came of it. systemd listens at the door and starts the helper; only capture may knock.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pi_auto.client.wifi.outcomes import Outcome

DOOR = Path("/run/pi-auto-wifi.sock")
MOST_CODE = 1024  # bytes
_PATIENCE = 30.0  # seconds of silence, while TRYING is said every few
_MOST_LINE = 64


def hand_over(code: str, door: Path = DOOR) -> Iterator[Outcome]:
    """What is said of the code, word by word; the last one is no TRYING. Never raises OSError."""
    last = Outcome.TRYING
    try:
        for last in _said_of(code.encode()[: MOST_CODE + 1], door):
            yield last
    except (FileNotFoundError, ConnectionRefusedError, PermissionError):
        yield Outcome.NO_HELPER
        return
    except (OSError, ValueError):
        last = Outcome.TRYING
    if last is Outcome.TRYING:
        yield Outcome.FAILED


def _said_of(code: bytes, door: Path) -> Iterator[Outcome]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as way:
        way.settimeout(_PATIENCE)
        way.connect(str(door))
        way.sendall(code)
        way.shutdown(socket.SHUT_WR)
        with way.makefile("rb") as said:
            while line := said.readline(_MOST_LINE):
                yield Outcome(line.decode("ascii").strip())


def read_code(way: socket.socket) -> str:
    """The helper's side: the code that is handed in. Raises ValueError if it is none, and OSError."""
    way.settimeout(_PATIENCE / 3)
    taken = bytearray()
    while part := way.recv(MOST_CODE + 1 - len(taken)):
        taken += part
        if len(taken) > MOST_CODE:
            raise ValueError("the code is too long")
    return taken.decode("utf-8")


def say(way: socket.socket, outcome: Outcome) -> None:
    """The helper's side. Raises OSError if nobody listens any more."""
    way.sendall(f"{outcome}\n".encode("ascii"))
