"""The port without TLS where nothing is left to take a connection with."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.old_client import old_door
from support.waiting import over, wait_until

_ENOUGH = 1.0  # seconds; who turns in circles has a tenth of them even on a busy machine


@contextmanager
def _no_descriptor_left() -> Iterator[None]:
    """Whoever opens something in this process meets EMFILE."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.open("/dev/null", os.O_RDONLY)  # the lowest number that is free
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _health(place: tuple[str, int]) -> bytes:
    with socket.create_connection(place, timeout=10) as caller:
        return _asked(caller)


def _asked(caller: socket.socket) -> bytes:
    caller.sendall(b"GET /api/health HTTP/1.0\r\n\r\n")
    return caller.recv(12)


def test_a_connection_that_cannot_be_taken_waits_and_nothing_turns_in_circles(tmp_path: Path) -> None:
    with old_door(tmp_path) as door, socket.socket() as caller:
        assert _health(door.address) == b"HTTP/1.0 200"  # whatever is loaded by need is there
        caller.settimeout(10)
        with _no_descriptor_left():
            begun = time.process_time()
            caller.connect(door.address)
            wait_until(over(_ENOUGH))
            assert time.process_time() - begun < _ENOUGH / 10
        assert _asked(caller) == b"HTTP/1.0 200"
        assert _health(door.address) == b"HTTP/1.0 200"
