from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.telemetry import telemetry_body
from pi_auto.wire.topics import TWIN_RESPONSES
from support.api import registration
from support.mqtt import PahoDevice
from support.records import SPOOL, scan, scans
from support.server import RunningServer, running_server
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
CLAIM = "a" * 64
DEVICE = "pi-1a2b3c4d"


def register(server: RunningServer, device_id: str = DEVICE) -> dict[str, Any]:
    answer = server.request("/api/register_device", registration(device_id, CLAIM))
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json
    return told


def batch(*records: Any) -> dict[str, Any]:
    numbers = [record.position.number for record in records]
    return {
        "device_id": DEVICE,
        "spool": SPOOL,
        "first": min(numbers),
        "through": max(numbers),
        "oldest": 1,
        "scans": [record.to_json() for record in records],
    }


def listed(server: RunningServer) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = server.request("/api/scans?order=oldest&limit=1000").json["scans"]
    return entries


def paho(told: dict[str, Any]) -> PahoDevice:
    address = (told["hub"]["address"], told["hub"]["port"])
    return PahoDevice(address, ConnectionString.parse(told["connection_string"]))


def test_the_server_says_what_it_bound_and_stops_cleanly(tmp_path: Path) -> None:
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        assert server.request("/api/health").json["status"] == "healthy"
        assert server.request("/").status == 200
        host, port = server.hub_mqtt.split(":")
        socket.create_connection((host, int(port)), 5).close()
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
        assert (server.worker(), server.hub()) == (0, 0)
        assert "Traceback" not in server.said()


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


def test_a_scan_that_comes_by_both_ways_is_one(tmp_path: Path) -> None:
    taken = scan("A", number=1)
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        told = register(server)
        with paho(told) as device:
            device.send_and_wait(telemetry_body(DEVICE, taken), {"$.mid": taken.uuid})
            device.subscribe(TWIN_RESPONSES)
            assert device.report({"status": "online", "client_version": "9.9"})[0] == 204
        assert server.request("/api/scans", batch(taken), token=told["api_token"]).status == 200
        wait_until(lambda: listed(server)[0]["hub_at"] and listed(server)[0]["api_at"])
        assert len(listed(server)) == 1
        wait_until(lambda: server.request(f"/api/pi_device/{DEVICE}").json["client_version"] == "9.9")


def test_with_live_streams_open_the_server_still_stops_at_once(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        streams = [open_stream(server) for _ in range(3)]
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 3
        for stream in streams:
            stream.close()


def test_without_http_the_hub_still_books(tmp_path: Path) -> None:
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        told = register(server)
    with running_server(tmp_path, http="off", hub_mqtt=server.hub_mqtt) as server:
        assert server.http == "off"
        with paho(told) as device:
            device.send_and_wait(telemetry_body(DEVICE, scan("A", number=1)))
        assert server.stop() == 0
    with running_server(tmp_path, hub_mqtt=server.hub_mqtt) as server:
        wait_until(lambda: [entry["text"] for entry in listed(server)] == ["A"])


def test_web_app_is_the_same_server(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "web_app.py"), "--http", "127.0.0.1:0", "--hub-mqtt", "off"]
    environment = os.environ | {"PI_AUTO_DATA": str(tmp_path / "data")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        server.terminate()
        assert server.wait(10) == 0
    assert line.startswith("pi-auto-server ready: http=127.0.0.1:")


@pytest.mark.parametrize("option", ["--http", "--hub-mqtt"])
def test_a_taken_port_is_one_clear_sentence(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        other = "--hub-mqtt" if option == "--http" else "--http"
        code, said = run(tmp_path, option, address, other, "off" if other == "--hub-mqtt" else "127.0.0.1:0")
    assert code == 1
    assert address in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--http", "0.0.0.0:0"), "--insecure-plain-http"),
        (("--hub-mqtt", "0.0.0.0:0"), "--insecure-plain-mqtt"),
        (("--http", "nonsense"), "--http is 'nonsense'"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_clear_sentence(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    code, said = run(tmp_path, *options)
    assert code == 1
    assert words in said
    assert len(said.splitlines()) == 1


def test_a_data_folder_in_use_or_unusable_is_one_clear_sentence(tmp_path: Path) -> None:
    with running_server(tmp_path):
        code, said = run(tmp_path, "--http", "127.0.0.1:0", "--hub-mqtt", "off")
    assert code == 1
    assert "in use by another server" in said
    (tmp_path / "data" / "books.sqlite").write_bytes(b"no database" * 1000)
    code, said = run(tmp_path, "--http", "127.0.0.1:0", "--hub-mqtt", "off")
    assert code == 1
    assert "damaged" in said
    assert "Traceback" not in said


def run(folder: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pi_auto.server.cli", "run", "--data", str(folder / "data"), *options]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=40)
    return ended.returncode, ended.stderr


def connects(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


def open_stream(server: RunningServer) -> socket.socket:
    """A live page's stream, its first bytes received."""
    host, _, port = server.http.rpartition(":")
    stream = socket.create_connection((host, int(port)), 5)
    stream.sendall(f"GET /live HTTP/1.1\r\nHost: {server.http}\r\nAccept: text/event-stream\r\n\r\n".encode())
    assert b"200" in stream.recv(4096)
    return stream
