"""The server behind a proxy: by CONNECT, with TLS to the server itself, by one deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.errors import Unreachable
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.proxy import Proxy
from support.certificates import Authority
from support.fleet_peer import UPDATES, FleetPeer, answer
from support.proxy import ConnectProxy

FLEET = "fleet.test"


@pytest.fixture
def secure(authority: Authority) -> Iterator[FleetPeer]:
    with FleetPeer(certificate=authority.certificate(FLEET)) as peer:
        yield peer


def endpoint(authority: Authority, proxy: ConnectProxy, url: str = f"https://{FLEET}") -> Endpoint:
    return Endpoint.of(url, ca=authority.ca, proxy=Proxy("127.0.0.1", proxy.port))


def ask(api: ServerApi) -> object:
    try:
        return api.get(UPDATES, {"device_id": "pi-1"})
    finally:
        api.close()


def test_https_goes_through_and_the_proxy_sees_nothing_of_it(secure: FleetPeer, authority: Authority) -> None:
    secure.fail(UPDATES, answer({"ok": True}))
    with ConnectProxy(resolve={f"{FLEET}:443": ("127.0.0.1", secure.port)}) as proxy:
        assert ask(ServerApi(endpoint(authority, proxy))) == {"ok": True}
        assert proxy.asked == [f"{FLEET}:443"]
        assert proxy.heads == [b"CONNECT fleet.test:443 HTTP/1.1\r\nHost: fleet.test:443\r\n\r\n"]


def test_plain_http_goes_through_as_well(server: FleetPeer, authority: Authority) -> None:
    server.fail(UPDATES, answer({"ok": True}))
    with ConnectProxy(resolve={f"{FLEET}:80": ("127.0.0.1", server.port)}) as proxy:
        assert ask(ServerApi(endpoint(authority, proxy, f"http://{FLEET}"))) == {"ok": True}
        assert proxy.asked == [f"{FLEET}:80"]


def test_calls_share_one_way_through(secure: FleetPeer, authority: Authority) -> None:
    secure.fail(UPDATES, answer({"n": 1}), answer({"n": 2}))
    with ConnectProxy(resolve={f"{FLEET}:443": ("127.0.0.1", secure.port)}) as proxy:
        api = ServerApi(endpoint(authority, proxy))
        assert [api.get(UPDATES, {}) for _ in range(2)] == [{"n": 1}, {"n": 2}]
        api.close()
        assert len(proxy.asked) == 1


def test_a_way_through_that_the_proxy_has_cut_meanwhile_is_opened_again(
    secure: FleetPeer, authority: Authority
) -> None:
    secure.fail(UPDATES, answer({"n": 1}), answer({"n": 2}))
    with ConnectProxy(resolve={f"{FLEET}:443": ("127.0.0.1", secure.port)}) as proxy:
        api = ServerApi(endpoint(authority, proxy))
        assert api.get(UPDATES, {}) == {"n": 1}
        proxy.hang_up()
        assert api.get(UPDATES, {}) == {"n": 2}
        api.close()
        assert len(proxy.asked) == 2


def test_another_name_behind_the_proxy_is_refused(authority: Authority) -> None:
    with (
        FleetPeer(certificate=authority.certificate("other.test")) as impostor,
        ConnectProxy(resolve={f"{FLEET}:443": ("127.0.0.1", impostor.port)}) as proxy,
    ):
        with pytest.raises(Unreachable, match=rf"by the proxy http://127\.0\.0\.1:{proxy.port}: its certificate"):
            ask(ServerApi(endpoint(authority, proxy)))
        assert impostor.received == []


def test_this_machine_itself_is_never_asked_of_a_proxy(server: FleetPeer) -> None:
    server.fail(UPDATES, answer({"ok": True}))
    with ConnectProxy() as proxy:
        assert ask(ServerApi(Endpoint.of(server.url, proxy=Proxy("127.0.0.1", proxy.port)))) == {"ok": True}
        assert proxy.asked == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "wants a user and a password"),
        (b"HTTP/1.1 502 Bad\x1b[31m Gateway\r\n\r\n", r"502 Bad\\x1b"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no HTTP proxy"),
        (b"", "hung up"),
        (b"X" * 20_000, "does not end"),
    ],
)
def test_whatever_a_proxy_answers_has_its_sentence(authority: Authority, said: bytes, words: str) -> None:
    with ConnectProxy(answer=said) as proxy, pytest.raises(Unreachable, match=words):
        ask(ServerApi(endpoint(authority, proxy)))


def test_a_proxy_that_says_nothing_is_left_in_time(authority: Authority) -> None:
    began = time.monotonic()
    with ConnectProxy(answer=b"HTTP/1.1 200") as proxy, pytest.raises(Unreachable, match=r"timed out|too long"):
        ask(ServerApi(endpoint(authority, proxy), patience=0.5))
    assert time.monotonic() - began < 3
