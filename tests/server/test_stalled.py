from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pi_auto.server.stalled import bound_silence, end_stalled
from support.waiting import wait_until


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def is_cut(peer: socket.socket) -> bool:
    peer.settimeout(0.05)
    try:
        return peer.recv(1) == b""
    except TimeoutError:
        return False


def test_a_connection_on_which_nothing_moves_is_cut_and_one_that_talks_is_not(listener: socket.socket) -> None:
    with (
        socket.create_connection(listener.getsockname()) as silent, listener.accept()[0],
        socket.create_connection(listener.getsockname()) as heard, listener.accept()[0] as hears,
        socket.create_connection(listener.getsockname()) as told, listener.accept()[0] as tells,
    ):  # fmt: skip
        time.sleep(0.5)
        heard.sendall(b"x")
        assert hears.recv(1) == b"x"
        tells.sendall(b"x")
        assert told.recv(1) == b"x"
        assert end_stalled(port_of(listener), 0.4) == 1
        assert [is_cut(peer) for peer in (silent, heard, told)] == [True, False, False]


def test_a_reader_that_has_gone_to_sleep_is_cut(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()), listener.accept()[0] as ours:
        ours.setblocking(False)
        with suppress(BlockingIOError):
            while ours.send(b"x" * 65536):
                continue
        wait_until(lambda: end_stalled(port_of(listener), 0.3), what="the download is given up")


def test_nothing_else_is_touched(listener: socket.socket) -> None:
    """Neither the listener nor connections that this process has made itself, or takes elsewhere."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_connection(other.getsockname()) as ours, other.accept()[0] as theirs,
    ):  # fmt: skip
        assert end_stalled(port_of(listener), 0) == 0
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x"


def test_connections_inherit_the_kernels_patience(listener: socket.socket) -> None:
    bound_silence(listener, 60)
    with socket.create_connection(listener.getsockname()), listener.accept()[0] as taken:
        assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_locks_on_files_are_kept(tmp_path: Path) -> None:
    """Those of SQLite on the books: without them a reader from outside ends the server by SIGBUS."""
    path = tmp_path / "locked"
    tries = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        end_stalled(1, 0)
        ended = subprocess.run([sys.executable, "-c", tries, str(path)], capture_output=True, check=False)
    assert b"BlockingIOError" in ended.stderr
