"""The real server: TLS for the fleet's name, and beside it a port that only says where."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pi_auto.server.context import now_utc
from pi_auto.server.trust.fleet import Fleet, open_fleet
from pi_auto.server.trust.own_names import machine_addresses, private_addresses
from pi_auto.wire.enrolment import Nonce
from support.server import UNTRUSTED, Answer, RunningServer, running_server
from support.waiting import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    options = ("--server-name", "fleet.local")
    with running_server(tmp_path_factory.mktemp("trust"), *options) as running:
        yield running


@pytest.fixture(scope="module")
def fleet(server: RunningServer) -> Fleet:
    return open_fleet(server.data, None, None, now_utc())


def place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def ask_tls(server: RunningServer, fleet: Fleet, method: str, path: str, **headers: str) -> Answer:
    """One request as a device makes it: dialled by address, verified by the fleet's name."""
    card = fleet.card(())
    context = ssl.create_default_context(cadata=card.ca)
    connection = http.client.HTTPConnection(*place(server.https), timeout=20)
    plain = socket.create_connection(place(server.https), timeout=20)
    connection.sock = context.wrap_socket(plain, server_hostname=card.server_name)
    return _answer(connection, method, path, headers)


def ask_plain(server: RunningServer, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(*place(server.http), timeout=20)
    return _answer(connection, method, path, {name.replace("_", "-"): value for name, value in headers.items()})


def _answer(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> Answer:
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def test_a_device_reaches_the_api_by_the_fleets_name(server: RunningServer, fleet: Fleet) -> None:
    health = ask_tls(server, fleet, "GET", "/api/health")
    assert health.status == 200
    assert health.json["fleet_id"] == fleet.fleet_id
    nonce = ask_tls(server, fleet, "POST", "/api/register_device/nonce")
    assert fleet.nonces.is_good(Nonce.from_json(nonce.json).nonce, now_utc())


def test_a_body_that_nobody_wants_cuts_no_answer_off(server: RunningServer, fleet: Fleet) -> None:
    card = fleet.card(())
    context = ssl.create_default_context(cadata=card.ca)
    plain = socket.create_connection(place(server.https), timeout=20)
    with context.wrap_socket(plain, server_hostname=card.server_name) as connection:
        for _ in range(5):
            head = b"POST /api/register_device/nonce HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
            connection.sendall(head)
            connection.sendall(b"{}")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert fleet.nonces.is_good(json.loads(answer.read())["nonce"], now_utc())


def test_the_servers_files_hold_no_key_in_the_clear(server: RunningServer, fleet: Fleet) -> None:
    kept = b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    assert b"BEGIN PRIVATE KEY" not in kept
    assert fleet.certificate.password not in server.said()


@pytest.mark.parametrize(
    ("version", "spoken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_nothing_below_tls_1_2_is_spoken(
    server: RunningServer, fleet: Fleet, version: ssl.TLSVersion, spoken: bool
) -> None:
    context = ssl.create_default_context(cadata=fleet.card(()).ca)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    plain = socket.create_connection(place(server.https), timeout=20)
    try:
        with context.wrap_socket(plain, server_hostname=fleet.card(()).server_name) as connection:
            assert spoken, connection.version()
    except ssl.SSLError:
        assert not spoken
    finally:
        plain.close()


def test_the_plain_port_says_who_is_here_and_where_tls_is(server: RunningServer, fleet: Fleet) -> None:
    health = ask_plain(server, "/api/health")
    assert health.json["service"] == "barcode_scanner_server"
    assert health.json["fleet_id"] == fleet.fleet_id
    assert health.json["tls"] == {"https": place(server.https)[1]}
    assert server.request("/api/health").json["tls"] == health.json["tls"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/scans"), ("POST", "/api/scans"), ("POST", "/api/register_device"), ("POST", "/api/health"),
        ("POST", "/api/register_device/nonce"), ("GET", "/"), ("GET", "/live"), ("DELETE", "/api/pi_devices"),
        ("GET", "/api/pi_device/a/b"), ("GET", "//api/scans"), ("GET", "/api/pi_devices/../scans"),
    ],
)  # fmt: skip
def test_the_plain_port_refuses_everything_else_and_names_what_does_it(
    server: RunningServer, method: str, path: str
) -> None:
    answer = ask_plain(server, path, method, Authorization="Bearer " + "t" * 43)
    assert answer.status == 403
    assert f"https://fleet.local:{place(server.https)[1]}" in answer.json["instead"]


def test_a_browser_is_sent_to_the_configured_name_whatever_host_it_says(server: RunningServer) -> None:
    answer = ask_plain(server, "/", Accept="text/html", Host="evil.example")
    assert answer.status == 307
    assert answer.headers["Location"] == f"https://fleet.local:{place(server.https)[1]}/"


def test_a_server_without_a_name_sends_people_to_the_address_they_came_to(tmp_path: Path) -> None:
    with running_server(tmp_path, "--announce", "off", http="0.0.0.0:0", https="0.0.0.0:0") as unnamed:
        connection = http.client.HTTPConnection("127.0.0.9", place(unnamed.http)[1], timeout=20)
        here = f"https://127.0.0.9:{place(unnamed.https)[1]}/"
        sent = _answer(connection, "GET", "/", {"Accept": "text/html", "Host": "evil.example"})
        assert (sent.status, sent.headers["Location"]) == (307, here)
        told = _answer(connection, "GET", "/api/scans", {"Host": "evil.example"}).json
        assert f"{here}api/scans" in told["instead"]


def test_a_browser_that_believes_the_fleet_opens_the_page_by_the_machines_own_names(tmp_path: Path) -> None:
    own = map(str, private_addresses((each for each in machine_addresses() if each.version == 4), ""))
    host = socket.gethostname().partition(".")[0]
    with running_server(tmp_path, "--announce", "off", https="0.0.0.0:0") as unnamed:
        for name in ("localhost", f"{host}.local", *own):
            assert _is_trusted(unnamed, name), name
        assert not _is_trusted(unnamed, "other.local")
        assert not _is_trusted(unnamed, "10.255.255.254")


def _is_trusted(server: RunningServer, name: str) -> bool:
    context = ssl.create_default_context(cadata=server.card.ca)
    plain = socket.create_connection(("127.0.0.1", place(server.https)[1]), timeout=20)
    try:
        with plain, context.wrap_socket(plain, server_hostname=name):
            return True
    except ssl.SSLCertVerificationError:
        return False


@pytest.mark.parametrize("path", ["/api/pi_devices", "/api/pi_device/nobody"])
def test_the_guides_lines_are_answered_to_this_machine_alone(server: RunningServer, path: str) -> None:
    assert ask_plain(server, path).status in {200, 404}
    assert ask_plain(server, path, Host="localhost:5000").status in {200, 404}
    for lie in (
        {"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example:5000"}, {"Host": ""},
        {"X_Forwarded_For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}, {"Via": "1.1 proxy"}, {"X_Real_IP": "::1"},
    ):  # fmt: skip
        assert ask_plain(server, path, **lie).status == 403, lie


def test_slow_and_silent_callers_do_not_stop_the_plain_port(server: RunningServer) -> None:
    silent = [socket.create_connection(place(server.http), timeout=20) for _ in range(30)]
    try:
        for one in silent:
            one.sendall(b"GET /api/health HTTP/1.1\r\nX: ")
        found: list[int] = []
        ask = partial(ask_plain, server, "/api/health")
        askers = [threading.Thread(target=lambda: found.append(ask().status)) for _ in range(10)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert found == [200] * 10
        assert all(one.recv(1) in {b"", b"H"} for one in silent)  # ended by the server, within its patience
    finally:
        for one in silent:
            one.close()


def test_a_server_whose_key_file_is_gone_says_so_and_does_not_start(tmp_path: Path) -> None:
    with running_server(tmp_path, http="off"):
        pass
    (tmp_path / "data.key").unlink()
    with pytest.raises(AssertionError, match=r"data\.key is missing"):
        RunningServer(tmp_path / "data", tmp_path / "again.log", "--http", "off", "--hub-mqtt", "off")


def test_the_ready_line_without_trust_is_as_it_was(tmp_path: Path) -> None:
    with running_server(tmp_path, *UNTRUSTED) as running:
        assert running.https == "off"
        assert json.loads(running.request("/api/health").body).get("fleet_id") is None


def test_a_worker_that_dies_is_followed_by_one_that_answers_on_both_ports(tmp_path: Path) -> None:
    with running_server(tmp_path) as running:
        fleet = open_fleet(running.data, None, None, now_utc())
        killed = running.worker()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: running.worker() not in {0, killed}, 20, "another worker")
        wait_until(lambda: _answers(running, fleet), 20, "answers on both ports")
        ended = subprocess.run(
            [sys.executable, "-m", "pi_auto.server.cli", "enrolment", "policy", "--data", str(running.data)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.stdout.strip() == "approve", ended.stderr


def test_the_server_stops_in_time_whoever_is_talking(tmp_path: Path) -> None:
    with running_server(tmp_path) as running:
        talking = [socket.create_connection(place(at), timeout=20) for at in (running.http, running.https) * 5]
        for one in talking:
            one.sendall(b"GET /api/health HTTP/1.1\r\n")
        begun = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - begun < 5
        for one in talking:
            one.close()


def _answers(running: RunningServer, fleet: Fleet) -> bool:
    try:
        return (
            ask_plain(running, "/api/health").status == 200 == ask_tls(running, fleet, "GET", "/api/health").status
        )
    except (OSError, http.client.HTTPException):
        return False
