"""What the real server tells its service manager, heard on a real socket."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.server.service import Service
from support.server import running_server
from support.waiting import wait_until


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The other end of NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(10)
        yield heard


def environment(tmp_path: Path, watchdog: str = "300000") -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": watchdog}


@pytest.mark.parametrize("options", [(), ("--https", "127.0.0.1:0")])
def test_it_is_ready_once_it_answers_and_alive_only_while_it_does(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    with running_server(tmp_path, *options) as server:
        assert manager.recv(100) == b"READY=1\nWATCHDOG=1"
        assert manager.recv(100) == b"WATCHDOG=1"
        worker = server.worker()
        os.kill(worker, signal.SIGSTOP)
        try:
            wait_until(lambda: falls_silent(manager), 30, "nothing more is said of a server that hangs")
        finally:
            os.kill(worker, signal.SIGCONT)
        manager.settimeout(30)
        assert manager.recv(100) == b"WATCHDOG=1"
        server.stop()
        said = [manager.recv(100)]
        while said[-1] == b"WATCHDOG=1":
            said.append(manager.recv(100))
        assert said[-1] == b"STOPPING=1"


def falls_silent(manager: socket.socket) -> bool:
    manager.settimeout(2)  # six times the pause between two words
    try:
        manager.recv(100)
    except TimeoutError:
        return True
    return False


def test_a_server_that_does_not_answer_yet_is_not_ready(tmp_path: Path, manager: socket.socket) -> None:
    asked: list[bool] = []

    def answers() -> bool:
        asked.append(len(asked) >= 2)
        return asked[-1]

    service = Service(environment(tmp_path))
    service.attend(answers)
    assert manager.recv(100) == b"READY=1\nWATCHDOG=1"
    assert asked[:3] == [False, False, True]
    service.stopping()


@pytest.mark.parametrize("told", [{}, {"NOTIFY_SOCKET": "vsock:2:1"}, {"NOTIFY_SOCKET": "/nonexistent"}])
def test_without_a_manager_it_says_nothing_and_goes_on(told: dict[str, str]) -> None:
    service = Service(told)
    service.attend(lambda: True)
    service.stopping()
    assert service._ending.is_set()
