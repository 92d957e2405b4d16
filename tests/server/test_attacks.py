"""Strangers at the server's two ports: each attack ends as designed, and the operator is told of it, once a kind.

Enrolment's own attacks (replay, time shift, stolen tokens) are in enrolment/, those on the hub in tests/hub.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from pi_auto.server.refusals import Refusals
from pi_auto.wire.fleet_card import FleetCard
from support.batch_enrolling import card_of
from support.server import RunningServer, running_server
from support.tls import connect, place
from support.waiting import wait_until

TOWER = b'{"a":' * 100_000
BOMB = b"[" * 900_000
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    options = ("--server-name", "fleet.local")
    with running_server(tmp_path_factory.mktemp("attacks"), *options) as running:
        yield running


@pytest.fixture(scope="module")
def card(server: RunningServer) -> FleetCard:
    return card_of(server, "attacks")


class Attack(NamedTuple):
    """A request, and the statuses that are an answer to it; `cut` where the server may also hang up."""

    method: str
    path: str
    statuses: set[int]
    headers: dict[str, str] = {}  # noqa: RUF012 - read only
    body: bytes = b""
    cut: bool = False


LONG = "x" * 70_000
BY_TLS = {
    "a batch without a token": Attack("POST", "/api/scans", {401}, JSON, b"{}"),
    "a batch without a token, as large as may be": Attack("POST", "/api/scans", {401}, JSON, b" " * 1_000_000),
    "a body too large": Attack("POST", "/api/register_device", {413}, JSON, b" " * 1_500_000),
    "a body of four megabytes": Attack("POST", "/api/register_device", {413}, JSON, b" " * 4_000_000, cut=True),
    "a tower of objects": Attack("POST", "/api/register_device", {400}, JSON, TOWER),
    "a tower of lists": Attack("POST", "/api/register_device", {400}, JSON, BOMB),
    "a bomb of gzip": Attack("POST", "/api/register_device", {400}, JSON | {"Content-Encoding": "gzip"}, TOWER),
    "a number that has no end": Attack("POST", "/api/register_device", {400}, JSON, b"9" * 500_000),
    "the page under another's name": Attack("GET", "/", {401}, {"Host": "evil.example"}),
    "a page of ours that another site sends": Attack(
        "POST", "/logout", {303, 400, 401, 403}, {"Origin": "https://evil.example", "Host": "evil.example"}
    ),
    "a guide's line by a forged proxy": Attack(
        "GET", "/api/pi_devices", {401}, {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}
    ),
    "a token that is none": Attack("GET", "/api/scans", {401}, {"Authorization": "Bearer " + "t" * 43}),
    "a token of a megabyte": Attack(
        "GET", "/api/scans", {401, 431}, {"Authorization": "Bearer " + LONG}, cut=True
    ),
    "a header of half a megabyte": Attack("GET", "/api/health", {431, 400}, {"X-Long": "x" * 500_000}, cut=True),
    "a thousand headers": Attack(
        "GET", "/api/health", {431, 400}, {f"X-{number}": "x" for number in range(1000)}, cut=True
    ),
    "a path of 70 KB": Attack("GET", "/api/" + LONG, {401, 404, 414}, cut=True),
    "a path out of the folder": Attack("GET", "/static/../../etc/passwd", {401, 404}),
    "a path with a zero": Attack("GET", "/static/%00", {401, 404}),
    "a method that is none": Attack("BREW", "/api/scans", {400, 405}),
}
BY_PLAIN = {
    "a token in the clear": Attack("GET", "/api/scans", {403}, {"Authorization": "Bearer " + "t" * 43}),
    "a registration in the clear": Attack("POST", "/api/register_device", {403}, JSON, b"{}"),
    "a guide's line from elsewhere": Attack("GET", "/api/pi_devices", {403}, {"Host": "evil.example"}),
    "a guide's line by a proxy": Attack("GET", "/api/pi_devices", {403}, {"X-Forwarded-For": "127.0.0.1"}),
    "a header of 70 KB": Attack("GET", "/api/health", {431, 400}, {"X-Long": LONG}),
    "a thousand headers": Attack("GET", "/api/health", {431}, {f"X-{number}": "x" for number in range(1000)}),
    "a path of 70 KB": Attack("GET", "/" + LONG, {414}),
    "a method that is none": Attack("BREW", "/api/scans", {403}),
}


def _made(connection: http.client.HTTPConnection, attack: Attack) -> int | None:
    """The status; None where the server hung up."""
    try:
        connection.putrequest(attack.method, attack.path, skip_host="Host" in attack.headers)
        for name, value in (attack.headers | {"Content-Length": str(len(attack.body))}).items():
            connection.putheader(name, value)
        connection.endheaders(attack.body or None)
        response = connection.getresponse()
        octets = response.read()
        assert b"Traceback" not in octets
        for name in ("Python", "WSGI", "Werkzeug"):
            assert name not in response.getheader("Server", "")
    except (ConnectionError, http.client.BadStatusLine, ssl.SSLError):
        return None
    finally:
        connection.close()
    return response.status


def _judge(status: int | None, attack: Attack) -> None:
    assert status in attack.statuses or (status is None and attack.cut), status


@pytest.mark.parametrize("name", BY_TLS)
def test_an_attack_over_tls_is_answered_as_designed(server: RunningServer, card: FleetCard, name: str) -> None:
    connection = http.client.HTTPConnection(*place(server.https), timeout=20)
    connection.sock = connect(server.https, card)
    _judge(_made(connection, BY_TLS[name]), BY_TLS[name])


@pytest.mark.parametrize("name", BY_PLAIN)
def test_an_attack_on_the_plain_port_is_answered_as_designed(server: RunningServer, name: str) -> None:
    _judge(_made(http.client.HTTPConnection(*place(server.http), timeout=20), BY_PLAIN[name]), BY_PLAIN[name])


def test_an_early_refusal_reaches_a_caller_that_is_still_sending(server: RunningServer, card: FleetCard) -> None:
    with connect(server.https, card) as connection:
        for _ in range(5):
            head = b"POST /api/scans HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            connection.sendall(head + b"Content-Length: 900000\r\n\r\n")
            for _ in range(9):
                connection.sendall(b" " * 100_000)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, "error" in json.loads(answer.read())) == (401, True)


def test_an_early_refusal_reaches_a_caller_that_sends_by_pieces(server: RunningServer, card: FleetCard) -> None:
    with connect(server.https, card) as connection:
        connection.sendall(b"POST /api/scans HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall((b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 5 + b"0\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 401


def test_slow_callers_over_tls_keep_nobody_out(server: RunningServer, card: FleetCard) -> None:
    """Half of them are slow with their headers, half with a body that nobody may send."""
    slow = [connect(server.https, card) for _ in range(40)]
    mute = [socket.create_connection(place(server.https), timeout=20) for _ in range(40)]
    try:
        for number, one in enumerate(slow):
            body = b"Content-Length: 1000\r\n\r\n{" if number % 2 else b"X: "
            one.sendall(b"POST /api/scans HTTP/1.1\r\nHost: x\r\n" + body)
        found: list[int | None] = []
        askers = [threading.Thread(target=lambda: found.append(_asked(server, card))) for _ in range(10)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert found == [200] * 10
    finally:
        for held in (*slow, *mute):
            held.close()


def test_the_operator_is_told_once_of_each_kind(server: RunningServer, card: FleetCard) -> None:
    for _ in range(20):
        _asked(server, card, "/api/scans")
        _made(http.client.HTTPConnection(*place(server.http), timeout=20), BY_PLAIN["a token in the clear"])
    for words in ("the API: refused with 401", "the port without TLS: refused with 403"):
        wait_until(lambda words=words: words in server.said(), 10, words)  # type: ignore[misc]
        assert server.said().count(words) == 1
    assert "t" * 43 not in server.said()


def test_what_was_counted_is_told_an_hour_later(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    refusals = Refusals("here", lambda: now[0])
    for moment in (0.0, 1.0, 2.0, 3601.0):
        now[0] = moment
        refusals.note(401, "GET", "/\x1b[2J" + "x" * 200, "192.0.2.1")
        refusals.note(200, "GET", "/", "192.0.2.1")
    first, second = caplog.messages
    assert "after" not in first
    assert "after 2 more like it" in second
    assert "\x1b" not in second
    assert len(second) < 250


def _asked(server: RunningServer, card: FleetCard, path: str = "/api/health") -> int | None:
    connection = http.client.HTTPConnection(*place(server.https), timeout=20)
    connection.sock = connect(server.https, card)
    return _made(connection, Attack("GET", path, set()))
