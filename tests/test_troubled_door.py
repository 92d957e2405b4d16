"""The door of chaos (support/chaos/door.py) misbehaves as it says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from support.chaos.door import TroubledDoor
from support.chaos.plan import Fault
from support.waiting import wait_until

PATIENCE = 30  # seconds


class Server:
    """Answers each line with itself; `heard` are the lines."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rwb") as lines:
            for line in lines:
                self.heard.append(line)
                lines.write(line)
                lines.flush()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.listener.shutdown(socket.SHUT_RDWR)
    server.listener.close()


@pytest.fixture
def door(server: Server) -> Iterator[TroubledDoor]:
    with TroubledDoor(leads_to=server.listener.getsockname()) as door:
        yield door


@pytest.fixture
def caller(door: TroubledDoor) -> Iterator[socket.socket]:
    """Somebody who has already been answered through the door."""
    with socket.create_connection(("127.0.0.1", door.port), PATIENCE) as sock:
        sock.sendall(b"first\n")
        assert sock.recv(100) == b"first\n"
        yield sock


def ends(sock: socket.socket) -> bool:
    """Whether the other side hangs up without another word."""
    with suppress(ConnectionError):
        return sock.recv(100) == b""
    return True


def test_a_door_that_is_cut_hangs_up_and_on_whoever_comes(door: TroubledDoor, caller: socket.socket) -> None:
    door.begin(Fault.CUT)
    assert ends(caller)
    with socket.create_connection(("127.0.0.1", door.port), PATIENCE) as another:
        assert ends(another)
    door.end(Fault.CUT)
    with socket.create_connection(("127.0.0.1", door.port), PATIENCE) as another:
        another.sendall(b"again\n")
        assert another.recv(100) == b"again\n"


def test_what_is_asked_of_a_mute_door_is_done_and_never_answered(
    door: TroubledDoor, caller: socket.socket, server: Server
) -> None:
    door.begin(Fault.MUTE)
    caller.sendall(b"book this\n")
    wait_until(lambda: b"book this\n" in server.heard, PATIENCE, "the server has heard it")
    door.end(Fault.MUTE)
    assert ends(caller)


def test_what_is_said_to_a_deaf_door_never_arrives(
    door: TroubledDoor, caller: socket.socket, server: Server
) -> None:
    door.begin(Fault.DEAF)
    before = door.carried
    caller.sendall(b"lost\n")
    wait_until(lambda: door.carried > before, PATIENCE, "the door has taken it")
    door.end(Fault.DEAF)
    assert ends(caller)
    assert server.heard == [b"first\n"]


def test_a_door_that_breaks_lets_half_of_an_answer_through(door: TroubledDoor, caller: socket.socket) -> None:
    door.begin(Fault.BREAK)
    caller.sendall(b"12345\n")
    assert caller.recv(100) == b"123"
    assert ends(caller)


def test_what_a_stalled_door_holds_up_comes_later(
    door: TroubledDoor, caller: socket.socket, server: Server
) -> None:
    door.begin(Fault.STALL)
    caller.sendall(b"later\n")
    caller.settimeout(0.3)
    with pytest.raises(TimeoutError):
        caller.recv(100)
    assert server.heard == [b"first\n"]
    door.end(Fault.STALL)
    caller.settimeout(PATIENCE)
    assert caller.recv(100) == b"later\n"


def test_a_slow_door_changes_nothing_of_what_passes(
    door: TroubledDoor, caller: socket.socket, server: Server
) -> None:
    door.begin(Fault.SLOW)
    line = bytes(range(48, 58)) * 100 + b"\n"
    caller.sendall(line)
    wait_until(lambda: line in server.heard, PATIENCE, "the server has heard it all")
    with caller.makefile("rb") as lines:
        assert lines.readline() == line


def test_a_trouble_that_another_has_followed_ends_nothing(door: TroubledDoor) -> None:
    door.begin(Fault.STALL)
    door.begin(Fault.MUTE)
    door.end(Fault.STALL)
    assert door.trouble is Fault.MUTE
