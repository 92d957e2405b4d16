"""The server ends within five seconds and takes its hub along, whoever holds on to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from pi_auto.wire.telemetry import telemetry_body
from support.api import DEVICE
from support.conversation import connection_to, listed, open_stream, paho, register
from support.records import scan
from support.server import running_server
from support.waiting import wait_until

SOON = 12.0  # seconds; three or five on a machine with nothing else to do. Whoever hangs takes longer


def test_with_live_streams_open_the_server_still_stops_at_once(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        streams = [open_stream(server) for _ in range(3)]
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < SOON
        for stream in streams:
            stream.close()


def test_sigterm_ends_it_and_its_hub_in_time_whoever_holds_on(tmp_path: Path) -> None:
    """Live pages, and requests whose head or body never ends."""
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server, ExitStack() as held:
        for _ in range(60):
            held.enter_context(open_stream(server))
        for request in (
            b"GET /api/sc",
            b"POST /api/register_device HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
        ):
            for _ in range(30):
                held.enter_context(connection_to(server)).sendall(request)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < SOON
        assert (server.worker(), server.hub()) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_processes_at_once_is_a_clean_stop(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, systemd and a closed terminal reach the worker before the main process does."""
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        for pid in (server.worker(), server.process.pid):
            os.kill(pid, number)
        began = time.monotonic()
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 3, "the worker did not have to be killed"
        assert (server.worker(), server.hub()) == (0, 0)
        assert "Unexpected" not in server.said()


def test_books_that_somebody_has_locked_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        told = register(server)
        shell = sqlite3.connect(server.data / "books.sqlite", isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with paho(told) as device:
            device.send_and_wait(telemetry_body(DEVICE, scan("A", number=1)))
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < SOON
        assert server.hub() == 0
        shell.close()
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        wait_until(lambda: [entry["text"] for entry in listed(server)] == ["A"])
