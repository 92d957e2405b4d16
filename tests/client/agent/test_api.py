from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.agent.api import MOST_ANSWER, ServerApi
from pi_auto.client.agent.errors import (
    ApiError,
    Garbled,
    Refused,
    Throttled,
    Unauthorized,
    Unreachable,
    WrongDates,
)
from pi_auto.client.endpoint import Endpoint
from support.certificates import Authority
from support.fleet_peer import UPDATES, Fault, FleetPeer, answer, drip, hang, raw, status


@pytest.fixture
def api(server: FleetPeer) -> Iterator[ServerApi]:
    made = ServerApi(Endpoint.of(server.url), patience=5)
    yield made
    made.close()


def ask(api: ServerApi) -> dict[str, Any]:
    return api.get(UPDATES, {"device_id": "pi-1"})


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (status(401), Unauthorized, "a planted 401"),
        (status(403), Refused, "a planted 403"),
        (status(404), Refused, "404"),
        (status(413), Refused, "413"),
        (status(429), Throttled, "429"),
        (status(503), Throttled, "503"),
        (status(500), Unreachable, "a planted 500"),
        (status(201), Garbled, "201"),
        (status(302, Location="http://elsewhere/"), Garbled, "302"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), Garbled, "not HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"), Garbled, "no JSON object"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), Garbled, "no JSON object"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n[[]]"), Garbled, "no JSON object"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000), Garbled, "no JSON object"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MOST_ANSWER + 1)), Garbled, "more than"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), Garbled, "headers"),
        (raw(b""), Unreachable, "closed connection"),
    ],
)
def test_every_wrong_answer_has_its_name(
    server: FleetPeer, api: ServerApi, fault: Fault, kind: type[ApiError], words: str
) -> None:
    server.fail(UPDATES, fault)
    with pytest.raises(kind, match=words):
        ask(api)


@pytest.mark.parametrize("fault", [status(500), status(429), raw(b"nonsense"), raw(b"")])
def test_the_call_after_a_fault_works(server: FleetPeer, api: ServerApi, fault: Fault) -> None:
    server.fail(UPDATES, fault, answer({"ok": True}))
    with pytest.raises(ApiError):
        ask(api)
    assert ask(api) == {"ok": True}


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0), ("-1", 0.0), ("²", 0.0)]
)
def test_the_patience_that_a_server_asks_for_is_passed_on(
    server: FleetPeer, api: ServerApi, header: str, seconds: float
) -> None:
    server.fail(UPDATES, status(429, Retry_After=header))
    with pytest.raises(Throttled) as throttled:
        ask(api)
    assert throttled.value.retry_after == seconds


@pytest.mark.parametrize("fault", [hang, drip])
def test_a_server_that_never_finishes_is_left_after_the_patience(server: FleetPeer, fault: Fault) -> None:
    server.fail(UPDATES, fault)
    impatient, began = ServerApi(Endpoint.of(server.url), patience=0.4), time.monotonic()
    with pytest.raises(Unreachable):
        ask(impatient)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "日本.example"])
def test_a_name_that_nobody_can_be_asked_for_is_unreachable(host: str) -> None:
    with pytest.raises(Unreachable):
        ask(ServerApi(Endpoint.of(f"http://{host}", address="127.0.0.1:1" if "日" in host else None)))


def test_what_a_server_complains_of_can_be_kept_whatever_it_holds(server: FleetPeer, api: ServerApi) -> None:
    body = b'{"error": "half a pair: \\ud800, and \\u001b[2J"}'
    server.fail(UPDATES, raw(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)))
    with pytest.raises(Refused) as refused:
        ask(api)
    assert refused.value.error == "half a pair: \\ud800, and \\x1b[2J"


def test_nobody_listening_is_unreachable(server: FleetPeer) -> None:
    server.__exit__(None, None, None)
    with pytest.raises(Unreachable, match="refused"):
        ask(ServerApi(Endpoint.of(server.url)))
    server.__enter__()


def test_a_kept_connection_that_the_server_has_closed_is_dialled_anew(server: FleetPeer, api: ServerApi) -> None:
    def once(handler: Any, _body: Any) -> None:
        handler.say(200, {"ok": 1})
        handler.close_connection = True  # without saying so: as an idle time-out closes it

    server.fail(UPDATES, once, answer({"ok": 2}))
    assert [ask(api), ask(api)] == [{"ok": 1}, {"ok": 2}]


def test_a_large_body_is_packed_and_arrives_whole(server: FleetPeer, api: ServerApi) -> None:
    server.fail("/x", answer({}))
    body = {"text": "é\x1d" * 50_000}
    api.post("/x", body, "secret-token")
    assert server.received == [("/x", body)]


class TestTrust:
    @pytest.fixture
    def secure(self, authority: Authority) -> Iterator[FleetPeer]:
        with FleetPeer(certificate=authority.certificate("k3.pi-auto")) as peer:
            peer.always[UPDATES] = answer({"ok": True})
            yield peer

    def call(self, peer: FleetPeer, name: str | None, ca: Path | None, host: str = "127.0.0.1") -> dict[str, Any]:
        api = ServerApi(Endpoint.of(f"https://{host}", f"127.0.0.1:{peer.port}", name, ca), patience=5)
        try:
            return ask(api)
        finally:
            api.close()

    def test_the_right_name_at_another_address_is_believed(self, secure: FleetPeer, authority: Authority) -> None:
        assert self.call(secure, "k3.pi-auto", authority.ca) == {"ok": True}
        assert self.call(secure, None, authority.ca, host="k3.pi-auto") == {"ok": True}

    @pytest.mark.parametrize("name", ["other.pi-auto", None, "pi-auto", "K3.pi-auto.evil"])
    def test_a_certificate_of_another_name_is_refused_whatever_is_dialled(
        self, secure: FleetPeer, authority: Authority, name: str | None
    ) -> None:
        with pytest.raises(Unreachable, match="not good for"):
            self.call(secure, name, authority.ca)
        assert secure.received == []

    def test_an_authority_that_is_not_ours_is_refused(self, secure: FleetPeer, tmp_path: Path) -> None:
        with pytest.raises(Unreachable, match="not good for"):
            self.call(secure, "k3.pi-auto", Authority(tmp_path).ca)
        with pytest.raises(Unreachable, match="not good for"):
            self.call(secure, "k3.pi-auto", None)
        assert secure.received == []

    def test_a_kept_connection_that_was_reset_is_dialled_anew(
        self, secure: FleetPeer, authority: Authority
    ) -> None:
        """As by a server that was killed and is back."""

        def once(handler: Any, _body: Any) -> None:
            handler.say(200, {"ok": 1})
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True

        secure.fail(UPDATES, once, answer({"ok": 2}))
        api = ServerApi(Endpoint.of(secure.url, name="k3.pi-auto", ca=authority.ca), patience=5)
        assert [ask(api), ask(api)] == [{"ok": 1}, {"ok": 2}]
        api.close()

    def test_one_whose_certificate_was_good_by_a_clock_that_was_wrong_is_asked_no_more_once_that_is_set(
        self, secure: FleetPeer, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever has stolen one that has run out keeps nobody by a connection that is open."""
        clock = time.time_ns
        moment = datetime.now(UTC)
        where = Endpoint.of(secure.url, name="k3.pi-auto", ca=authority.ca)
        api = ServerApi(replace(where, as_of=lambda: moment), patience=5)
        assert ask(api) == {"ok": True}

        moment += timedelta(days=4000)
        assert ask(api) == {"ok": True}  # the connection is open
        monkeypatch.setattr("time.time_ns", lambda: clock() + 4000 * 86400 * 10**9)
        with pytest.raises(WrongDates):
            ask(api)
        assert secure.calls(UPDATES) == 2
        api.close()

    def test_a_server_without_tls_gets_nothing(self, server: FleetPeer, authority: Authority) -> None:
        with pytest.raises(Unreachable):
            self.call(server, "k3.pi-auto", authority.ca)
        assert server.received == []
