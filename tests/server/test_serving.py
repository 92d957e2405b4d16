from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import IncompleteRead
from pathlib import Path

import pytest

from pi_auto.server.operators.rules import LINK
from pi_auto.wire.telemetry import telemetry_body
from pi_auto.wire.topics import TWIN_RESPONSES
from support.api import DEVICE
from support.conversation import batch, connection_to, listed, paho, register
from support.records import scan, scans
from support.server import UNTRUSTED, running_server
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]


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


def test_bodies_that_never_come_do_not_keep_the_others_waiting(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, ExitStack() as held:
        request = f"POST /api/register_device HTTP/1.1\r\nHost: {server.http}\r\nContent-Length: 99\r\n\r\n{{"
        for _ in range(200):
            held.enter_context(connection_to(server)).sendall(request.encode())
        assert server.request("/api/health").status == 200
        assert server.request("/").status == 200


def test_an_export_that_fails_on_its_way_never_looks_whole(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, ThreadPoolExecutor(1) as reader:
        token = register(server)["api_token"]
        for first in (1, 501, 1001):
            sent = batch(*scans(*map(str, range(500)), first=first))
            assert server.request("/api/scans", sent, token=token).status == 200
        with closing(sqlite3.connect(server.data / "books.sqlite")) as books, books:
            books.execute("UPDATE scans SET scanned_at = 'no time' WHERE number = 1001")
        download = reader.submit(server.request, "/api/scans?format=csv&order=oldest")
        wait_until(lambda: download.done() or "an answer broke off" in server.said(), what="it fails")
        assert server.stop() == 0
        with pytest.raises((IncompleteRead, OSError)):
            download.result(10)


def test_more_connections_than_a_process_may_open_by_default_are_held(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, ExitStack() as held:
        for _ in range(1300):
            held.enter_context(connection_to(server))
        assert server.request("/api/health").status == 200


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


def test_web_app_makes_a_fleet_and_prints_the_page_with_a_link_that_signs_in_once(tmp_path: Path) -> None:
    first = welcome_of(tmp_path)
    assert first[0].startswith("pi-auto-server ready: https=127.0.0.1:")
    page, link = first[1].removeprefix("Open ").split("/login?link=")
    assert page.startswith("https://127.0.0.1:")
    assert LINK.match(link.strip())
    assert link in "".join(welcome_of(tmp_path)), "until it is used"
    (tmp_path / "data" / "trust" / "admin-link").unlink()  # which signing in does
    again = "".join(welcome_of(tmp_path))
    assert "link_" not in again
    assert "pi-auto-server operator link" in again


def welcome_of(tmp_path: Path) -> list[str]:
    """What the guide's server prints to whoever reads along."""
    listen = [word for name in ("--http", "--https") for word in (name, "127.0.0.1:0")]
    command = [sys.executable, str(ROOT / "web_app.py"), *listen, "--hub-mqtt", "off"]
    environment = os.environ | {"PI_AUTO_DATA": str(tmp_path / "data")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline(), server.stdout.readline()]
        server.terminate()
        assert server.wait(10) == 0
    return lines


def test_a_first_link_is_never_printed_into_a_file(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        link = (server.data / "trust" / "admin-link").read_text().partition("link=")[2].strip()
        wait_until(lambda: str(server.data / "trust" / "admin-link") in server.said(), what="the file is named")
        assert link not in server.said()


def test_a_server_that_trusts_everybody_says_so_loudly(tmp_path: Path) -> None:
    with running_server(tmp_path, *UNTRUSTED) as server:
        assert "THIS SERVER TRUSTS EVERYBODY" in server.said()


@pytest.mark.parametrize("option", ["--http", "--https", "--hub-mqtt"])
def test_a_taken_port_is_one_clear_sentence(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, said = run(tmp_path, option, address)
    assert code == 1
    assert address in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((*UNTRUSTED, "--http", "0.0.0.0:0"), "--insecure-plain-http"),
        ((*UNTRUSTED, "--hub-mqtt", "0.0.0.0:0"), "--insecure-plain-mqtt"),
        ((*UNTRUSTED, "--http", "off", "--hub-mqtt", "off"), "there is nothing to serve"),
        ((*UNTRUSTED, "--hub-websocket", "127.0.0.1:0"), "leave --trust and --hub-mqtt on"),
        (("--http", "nonsense"), "--http is 'nonsense'"),
        (("--https", "off"), "--https is off"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_clear_sentence(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    code, said = run(tmp_path, *options)
    assert code == 2
    assert words in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("option", ["--http", "--https"])
def test_an_address_that_this_machine_has_not_is_one_clear_sentence(tmp_path: Path, option: str) -> None:
    code, said = run(tmp_path, option, "203.0.113.1:0", "--hub-mqtt", "off")
    assert code == 1
    assert f"name another with {option}" in said
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


def test_what_stands_in_the_place_of_the_hubs_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hub").write_text("")
    code, said = run(tmp_path, "--http", "127.0.0.1:0", "--hub-mqtt", "127.0.0.1:0")
    assert code == 1
    assert f"pi-auto-server: the hub's folder {tmp_path}/data/hub cannot be used: File exists\n" in said


@pytest.mark.parametrize("options", [("--public-url", "here"), ("--heartbeat-interval", "²")])
def test_an_option_that_cannot_be_used_is_refused_by_name(tmp_path: Path, options: tuple[str, str]) -> None:
    code, said = run(tmp_path, *options)
    assert code == 2
    assert f"argument {options[0]}: {options[1]!r} is not a" in said


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help")])
def test_the_help_teaches(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pi_auto.server.cli", *arguments]
    said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    assert "pi-auto-server ready: https=ADDRESS:PORT http=ADDRESS:PORT" in said
    assert "pi-auto-server run --data" in said


def run(folder: Path, *options: str) -> tuple[int, str]:
    """Start one that is to fail; what is not told is a free port on loopback."""
    usual = {"--http": "127.0.0.1:0", "--https": "127.0.0.1:0", "--hub-mqtt": "127.0.0.1:0"}
    listen = [word for pair in usual.items() if pair[0] not in options for word in pair]
    command = [
        sys.executable,
        "-m",
        "pi_auto.server.cli",
        "run",
        "--data",
        str(folder / "data"),
        *listen,
        *options,
    ]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=40)
    return ended.returncode, ended.stderr
