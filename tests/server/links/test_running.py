"""Hubs that outlived their server: taken over, replaced, or ended, whatever state they are in."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pi_auto.server.links.running import RunningHub as Found
from pi_auto.server.links.supervisor import Supervisor
from pi_auto.server.settings import Address
from support import processes
from support.hub import RunningHub, running_hub
from support.waiting import wait_until

ANY_PORT = Address("127.0.0.1", 0)
PATIENCE = 20.0


@contextmanager
def supervising(data: Path, address: Address = ANY_PORT) -> Iterator[Supervisor]:
    """A server's supervisor; whatever hub is left at the end is killed."""
    (data / "hub").mkdir(exist_ok=True)
    supervisor = Supervisor(data, address)
    try:
        yield supervisor
    finally:
        supervisor.close()
        processes.kill(hubs(data))


def hubs(data: Path) -> list[int]:
    return processes.pids("pi_auto.hub.cli", str(data))


def address_of(hub: RunningHub) -> Address:
    return Address(*hub.mqtt_address)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_hub_at_the_wanted_address_is_taken_over(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub, supervising(tmp_path, address_of(hub)) as supervisor:
        assert supervisor.wait_bound(PATIENCE) == address_of(hub)
        assert hubs(tmp_path) == [hub.pid]


def test_where_any_port_will_do_so_does_the_one_of_the_hub_that_runs(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub, supervising(tmp_path) as supervisor:
        assert supervisor.wait_bound(PATIENCE) == address_of(hub)
        assert (tmp_path / "hub-port").read_text() == f"{hub.mqtt_address[1]}\n"


def test_a_hub_at_another_address_is_replaced(tmp_path: Path) -> None:
    wanted = Address("127.0.0.1", free_port())
    with running_hub(tmp_path) as hub, supervising(tmp_path, wanted) as supervisor:
        assert supervisor.wait_bound(PATIENCE) == wanted
        assert hub.wait() == 0, "it was asked to stop"


def test_a_hub_that_hangs_when_the_server_starts_is_replaced(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        os.kill(hub.pid, signal.SIGSTOP)
        with supervising(tmp_path, address_of(hub)) as supervisor:
            assert supervisor.wait_bound(PATIENCE) == address_of(hub)
            assert hub.wait() == -signal.SIGKILL


def test_a_hub_that_dies_after_it_was_taken_over_is_started_again_where_it_was(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub, supervising(tmp_path) as supervisor:
        supervisor.wait_bound(PATIENCE)
        former = hub.pid
        hub.kill()
        wait_until(lambda: hubs(tmp_path) not in ([], [former]), what="another hub")
        wait_until(supervisor.bound, what="its address")
        assert supervisor.wait_bound(PATIENCE) == address_of(hub)


def test_a_clean_stop_ends_a_hub_that_was_taken_over(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        with supervising(tmp_path) as supervisor:
            supervisor.wait_bound(PATIENCE)
        assert hub.wait() == 0


@pytest.mark.parametrize("taken_over", [False, True])
def test_a_clean_stop_is_quick_although_the_hub_hangs(tmp_path: Path, taken_over: bool) -> None:
    hub = RunningHub(tmp_path)
    try:
        if taken_over:
            hub.start()
        with supervising(tmp_path) as supervisor:
            supervisor.wait_bound(PATIENCE)
            [pid] = hubs(tmp_path)
            os.kill(pid, signal.SIGSTOP)
            began = time.monotonic()
            supervisor.close()
            assert time.monotonic() - began < 4
            assert hubs(tmp_path) == []
    finally:
        hub.kill()


def test_the_socket_of_a_killed_hub_is_nobody(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        hub.kill()
        assert hub.socket.exists()
        assert Found.find(hub.socket) is None
        with supervising(tmp_path) as supervisor:
            assert supervisor.wait_bound(PATIENCE).port
            assert hubs(tmp_path) != []


def test_a_file_in_the_place_of_the_socket_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "hub.sock").write_text("")
    assert Found.find(tmp_path / "hub.sock") is None
    assert Found.find(tmp_path / "nothing" / "hub.sock") is None


def test_a_hub_that_stops_answering_is_ended_and_one_that_answers_is_not(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        found = Found.find(hub.socket)
        assert found is not None
        try:
            assert not found.wait(0.3)
            os.kill(hub.pid, signal.SIGSTOP)
            assert "did not answer" in found.attend(every=0.1, silences=2)
            assert found.wait(0)
        finally:
            found.let_go()
        assert hub.wait() == -signal.SIGKILL


def test_a_hub_that_is_ending_is_waited_for_until_its_process_has_gone(tmp_path: Path) -> None:
    """Its socket closes before it lets go of port and folder: a successor would be refused both."""
    with running_hub(tmp_path) as hub:
        found = Found.find(hub.socket)
        assert found is not None
        os.kill(hub.pid, signal.SIGTERM)
        assert found.attend(every=5, silences=1) == f"(process {hub.pid})"
        found.let_go()
        assert hub.wait() == 0
