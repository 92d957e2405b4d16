"""What is left of the server, its hub and what they hold when processes, disks and folders go."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pi_auto.wire.telemetry import telemetry_body
from support.api import DEVICE
from support.conversation import batch, listed, open_stream, paho, register
from support.records import scan, scans
from support.server import RunningServer, running_server
from support.waiting import wait_until


def test_a_scan_that_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        token = register(server)["api_token"]
        assert server.request("/api/scans", batch(*scans("A", "B")), token=token).status == 200
        server.kill()
    with running_server(tmp_path) as server:
        assert [entry["text"] for entry in listed(server)] == ["A", "B"]
        assert server.request("/api/scans", batch(scan("C", number=3)), token=token).json["resend_from"] is None


def test_a_worker_that_is_killed_again_and_again_is_back_each_time(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        token = register(server)["api_token"]
        for number in (1, 2, 3):
            former = wait_until(server.worker)
            os.kill(former, signal.SIGKILL)
            wait_until(lambda former=former: server.worker() not in {0, former}, what="another worker")  # type: ignore[misc]
            answer = server.request("/api/scans", batch(scan(str(number), number=number)), token=token)
            assert answer.status == 200
        assert [entry["text"] for entry in listed(server)] == ["1", "2", "3"]
        assert server.stop() == 0


def test_events_are_booked_once_whoever_is_killed(tmp_path: Path) -> None:
    taken = [scan(str(number), number=number) for number in range(1, 7)]
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        told = register(server)

        def send(*records: Any) -> None:
            with paho(told) as device:
                for record in records:
                    device.send_and_wait(telemetry_body(DEVICE, record), {"$.mid": record.uuid})

        def wait_for(count: int) -> None:
            wait_until(
                lambda: len([1 for entry in listed(server) if entry["hub_at"]]) == count, what=f"{count} scans"
            )

        send(*taken[:2])
        wait_for(2)
        former = server.hub()
        os.kill(former, signal.SIGKILL)
        wait_until(
            lambda: server.hub() not in {0, former} and connects(server.hub_mqtt), what="a new hub, as before"
        )
        send(*taken[1:4])
        former = server.hub()
        os.kill(server.worker(), signal.SIGKILL)
        wait_for(4)
        server.kill()
        send(*taken[3:6])
        assert server.hub() == former, "devices stay connected while the server is away"
        again = server.hub_mqtt
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        assert server.hub_mqtt == again, "port 0 is the port it had before"
        wait_for(6)
        assert [entry["text"] for entry in listed(server)] == ["1", "2", "3", "4", "5", "6"]
        assert not any(entry["flagged"] for entry in listed(server))


def test_a_worker_that_somebody_ends_is_started_again(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, open_stream(server):
        former = server.worker()
        os.kill(former, signal.SIGTERM)
        wait_until(lambda: server.worker() not in {0, former}, 10, "another worker")
        wait_until(lambda: server.request("/api/health").status == 200)


def test_a_hub_that_hangs_holds_up_neither_the_end_nor_the_next_start(tmp_path: Path) -> None:
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        former = server.hub()
        server.kill()
        os.kill(former, signal.SIGSTOP)
        with running_server(tmp_path, hub_mqtt=server.hub_mqtt) as again:
            assert again.hub_mqtt == server.hub_mqtt
            assert again.hub() not in {0, former}
            os.kill(again.hub(), signal.SIGSTOP)
            began = time.monotonic()
            assert again.stop() == 0
            assert time.monotonic() - began < 5
            assert again.hub() == 0


@pytest.mark.parametrize("order", list(itertools.permutations(["server", "worker", "hub"])), ids="-".join)
def test_killed_in_whatever_order_it_comes_back_where_it_was(tmp_path: Path, order: tuple[str, ...]) -> None:
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        told = register(server)
        victims = {"server": server.process.pid, "worker": server.worker(), "hub": server.hub()}
        for victim in order:
            with suppress(ProcessLookupError):
                os.kill(victims[victim], signal.SIGKILL)
        server.kill()
        with running_server(tmp_path, https=server.https, hub_mqtt="127.0.0.1:0") as again:
            assert (again.https, again.hub_mqtt) == (server.https, server.hub_mqtt)
            with paho(told) as device:
                device.send_and_wait(telemetry_body(DEVICE, scan("A", number=1)))
            wait_until(lambda: [entry["text"] for entry in listed(again)] == ["A"])


def test_a_full_disk_is_a_503_until_there_is_room(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        token = register(server)["api_token"]
        limits = resource.prlimit(server.worker(), resource.RLIMIT_FSIZE)
        resource.prlimit(server.worker(), resource.RLIMIT_FSIZE, (4096, limits[1]))
        answer = server.request("/api/scans", batch(*scans(*["A" * 3000] * 50)), token=token)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert listed(server) == []
        resource.prlimit(server.worker(), resource.RLIMIT_FSIZE, limits)
        assert server.request("/api/scans", batch(*scans("A", "B")), token=token).status == 200
        assert [entry["text"] for entry in listed(server)] == ["A", "B"]


def test_data_that_is_deleted_under_it_is_noticed_before_anything_is_acknowledged(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        token = register(server)["api_token"]
        shutil.rmtree(server.data)
        assert server.request("/api/scans", batch(*scans("A")), token=token).status == 503
        assert server.request("/api/health").json["status"] == "unhealthy"
        assert "books.sqlite has gone" in server.said()
        assert server.stop() == 0
    assert not server.data.exists()


def restore(backup: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    backup.rename(folder)


@pytest.mark.parametrize("older", ["books", "hub"])
def test_where_one_of_books_and_hub_is_restored_from_a_backup_the_other_fills_it_up(
    tmp_path: Path, older: str
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    taken = [scan(str(number), number=number) for number in range(1, 4)]

    def deliver(server: RunningServer, told: dict[str, Any], *records: Any) -> None:
        with paho(told) as device:
            for record in records:
                device.send_and_wait(telemetry_body(DEVICE, record))
        wait_until(lambda: listed(server)[-1:] and listed(server)[-1]["text"] == records[-1].text)

    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        told = register(server)
        deliver(server, told, taken[0])
    shutil.copytree(data, backup, ignore=shutil.ignore_patterns("*.sock"))
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        deliver(server, told, taken[1])
    if older == "books":
        for stale in data.glob("books.sqlite*"):
            stale.unlink()
        (backup / "books.sqlite").rename(data / "books.sqlite")
    else:
        restore(backup / "hub", data / "hub")
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        deliver(server, told, taken[2])
        wait_until(lambda: [entry["text"] for entry in listed(server)] == ["1", "2", "3"])
        assert not any(entry["flagged"] for entry in listed(server))


def connects(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True
