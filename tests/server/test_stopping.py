"""The server ends within five seconds and takes its hub along, whoever holds on to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pi_auto.wire.telemetry import telemetry_body
from support.api import DEVICE
from support.conversation import connection_to, listed, open_stream, paho, register
from support.records import scan
from support.server import RunningServer, running_server
from support.waiting import wait_until

TRIES = 3  # the machine may be busy with other tests; whoever hangs does so each time


def ends_within(seconds: float, folder: Path, stop: Callable[[Path], float]) -> None:
    """`stop` makes a server in a folder and says in how many seconds it has ended."""
    took: list[float] = []
    while not took or (took[-1] >= seconds and len(took) < TRIES):
        took.append(stop(folder / str(len(took))))
    assert took[-1] < seconds, took


def stopped(server: RunningServer) -> float:
    """How long it takes to end."""
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    return time.monotonic() - began


def test_with_live_streams_open_the_server_still_stops_at_once(tmp_path: Path) -> None:
    def stop(folder: Path) -> float:
        folder.mkdir()
        with running_server(folder) as server, ExitStack() as held:
            for _ in range(3):
                held.enter_context(closing(open_stream(server)))
            return stopped(server)

    ends_within(3, tmp_path, stop)


def test_sigterm_ends_it_and_its_hub_in_time_whoever_holds_on(tmp_path: Path) -> None:
    """Live pages, and requests whose head or body never ends."""

    def stop(folder: Path) -> float:
        folder.mkdir()
        with running_server(folder, hub_mqtt="127.0.0.1:0") as server, ExitStack() as held:
            for _ in range(60):
                held.enter_context(open_stream(server))
            for request in (
                b"GET /api/sc",
                b"POST /api/register_device HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
            ):
                for _ in range(30):
                    held.enter_context(connection_to(server)).sendall(request)
            took = stopped(server)
            assert (server.worker(), server.hub()) == (0, 0)
            return took

    ends_within(5, tmp_path, stop)


@pytest.fixture
def heeds_hangups() -> Iterator[None]:
    """Where these tests are run by nohup, what they start would leave a closed terminal unheeded."""
    former = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, former)


@pytest.mark.usefixtures("heeds_hangups")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_processes_at_once_is_a_clean_stop(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, systemd and a closed terminal reach the worker before the main process does."""

    def stop(folder: Path) -> float:
        folder.mkdir()
        with running_server(folder, hub_mqtt="127.0.0.1:0") as server:
            for pid in (server.worker(), server.process.pid):
                os.kill(pid, number)
            began = time.monotonic()
            assert server.process.wait(30) == 0
            took = time.monotonic() - began
            assert (server.worker(), server.hub()) == (0, 0)
            assert "Unexpected" not in server.said()
            return took

    ends_within(3, tmp_path, stop)  # the worker does not have to be killed


def test_books_that_somebody_has_locked_do_not_hold_up_the_end(tmp_path: Path) -> None:
    def stop(folder: Path) -> float:
        folder.mkdir()
        with running_server(folder, hub_mqtt="127.0.0.1:0") as server:
            told = register(server)
            shell = sqlite3.connect(server.data / "books.sqlite", isolation_level=None)
            shell.execute("BEGIN IMMEDIATE")
            with paho(told) as device:
                device.send_and_wait(telemetry_body(DEVICE, scan("A", number=1)))
            took = stopped(server)
            assert server.hub() == 0
            shell.close()
        with running_server(folder, hub_mqtt="127.0.0.1:0") as server:
            wait_until(lambda: [entry["text"] for entry in listed(server)] == ["A"])
        return took

    ends_within(5, tmp_path, stop)
