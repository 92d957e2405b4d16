"""When all connections are taken, those who hold most make room: strangers first, then who has gone silent."""

from __future__ import annotations

import resource
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from werkzeug.test import Client

from pi_auto.server.crowding import MOST_CONNECTIONS, Held, giving_way, make_room
from pi_auto.server.draining import Draining
from pi_auto.server.proven import Proven
from pi_auto.server.refusals import Refusals
from pi_auto.server.stalled import listeners_at, waiting_at
from support.api import Api
from support.conversation import batch
from support.records import scan
from support.server import UNTRUSTED, running_server
from support.tls import place
from support.waiting import wait_until

NOBODY: set[str] = set()


def held(**counts: int) -> list[Held]:
    """So many connections of each household; of one household, the later ones have been silent for longer."""
    descriptor = count(10)
    return [Held(next(descriptor), None, name, float(n)) for name, many in counts.items() for n in range(many)]


def left(connections: list[Held], gone: list[Held]) -> dict[str, int]:
    return dict(Counter(each.household for each in connections if each not in gone))


@pytest.mark.parametrize(
    ("counts", "proven", "room", "stay"),
    [
        ({"a": 90, "b": 5, "c": 5}, NOBODY, 50, {"a": 40, "b": 5, "c": 5}),
        ({"a": 90, "b": 30, "c": 5}, NOBODY, 50, {"a": 22, "b": 22, "c": 5}),
        ({"a": 100}, NOBODY, 50, {"a": 50}),
        ({"a": 10, "b": 10}, NOBODY, 50, {"a": 10, "b": 10}),
        ({"a": 1, "b": 1, "c": 1}, NOBODY, 2, {"a": 1, "b": 1, "c": 1}),  # nobody holds more than another
        ({"site": 60, "a": 20, "b": 20}, {"site"}, 80, {"site": 60, "a": 10, "b": 10}),
        ({"site": 100, "a": 3}, {"site"}, 80, {"site": 77, "a": 3}),
        ({"site": 100, "a": 50}, {"site"}, 80, {"site": 70, "a": 10}),  # a part is kept for strangers
        ({"site": 100, "other": 10}, {"site", "other"}, 80, {"site": 70, "other": 10}),
    ],
)
def test_those_who_hold_most_come_down_to_the_same_number(
    counts: dict[str, int], proven: set[str], room: int, stay: dict[str, int]
) -> None:
    connections = held(**counts)
    assert left(connections, giving_way(connections, proven, room)) == stay


def test_of_one_household_those_give_way_that_have_been_silent_for_longest() -> None:
    connections = held(a=10)
    assert {each.silent for each in giving_way(connections, NOBODY, 7)} == {7, 8, 9}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def connected(listener: socket.socket, host: str, many: int, stack: ExitStack) -> list[socket.socket]:
    """Connections from this address, which have been accepted."""
    peers = []
    for _ in range(many):
        peers.append(stack.enter_context(socket.create_connection(listener.getsockname(), 10, (host, 0))))
        stack.enter_context(listener.accept()[0])
    return peers


def open_of(peers: list[socket.socket]) -> int:
    """How many of them are: what was ended reads as such at once, on one machine."""
    still = 0
    for peer in peers:
        peer.setblocking(False)
        try:
            still += peer.recv(1) != b""
        except BlockingIOError:
            still += 1
    return still


def test_connections_are_ended_where_so_many_are_taken_and_not_before(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with ExitStack() as stack:
        many, few, site = (
            connected(listener, f"127.0.0.{n}", each, stack) for n, each in ((2, 30), (3, 5), (4, 25))
        )
        assert make_room(port, ["127.0.0.4"], crowded=61, room=40) == 0
        assert make_room(port, ["127.0.0.4"], crowded=60, room=40) == 20
        assert [open_of(peers) for peers in (many, few, site)] == [10, 5, 25]


def test_who_waits_for_a_connection_is_seen(listener: socket.socket) -> None:
    [looked_at] = listeners_at(listener.getsockname()[1])
    with looked_at, ExitStack() as stack:
        assert waiting_at(looked_at) == 0
        for number in range(3):
            stack.enter_context(socket.create_connection(listener.getsockname()))
            wait_until(partial(_wait, looked_at, number + 1))
        stack.enter_context(listener.accept()[0])
        assert waiting_at(looked_at) == 2


def _wait(listener: socket.socket, many: int) -> bool:
    return waiting_at(listener) == many


def test_a_device_that_delivers_proves_its_address_and_a_stranger_does_not(api: Api) -> None:
    device, proven = api.device(), Proven()
    client = Client(Draining(api.client.application, Refusals("the API"), proven))
    good = {"Authorization": f"Bearer {device.token}"}
    sent = batch(scan("A", number=1))

    def asks(method: str, path: str, address: str, headers: dict[str, str], json: object = None) -> int:
        there = {"REMOTE_ADDR": address}
        return client.open(path, method=method, headers=headers, json=json, environ_base=there).status_code

    assert asks("GET", "/api/health", "10.0.0.1", good) == 200
    assert asks("POST", "/api/scans", "10.0.0.2", {"Authorization": "Bearer " + "x" * 43}, sent) == 401
    assert proven.addresses() == []
    assert asks("POST", "/api/scans", "10.0.0.3", good, sent) == 200
    assert proven.addresses() == ["10.0.0.3"]


def test_an_address_is_proven_for_a_quarter_of_an_hour() -> None:
    now = 0.0
    proven = Proven(lambda: now)
    proven.note("10.0.0.1")
    now = 800.0
    proven.note("10.0.0.2")
    now = 901.0
    assert proven.addresses() == ["10.0.0.2"]


@contextmanager
def many_files(wanted: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"{hard} files may be open here, and this needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def flood(address: tuple[str, int], many: int, stack: ExitStack) -> None:
    """So many connections of another address, on which nothing is ever said."""
    for _ in range(many):
        peer = stack.enter_context(socket.socket())
        peer.bind(("127.0.0.2", 0))
        peer.setblocking(False)
        peer.connect_ex(address)


@pytest.mark.parametrize("trust", [(), UNTRUSTED], ids=["handshakes", "connections"])
def test_an_address_that_holds_all_connections_keeps_nobody_out(tmp_path: Path, trust: tuple[str, ...]) -> None:
    with many_files(MOST_CONNECTIONS + 2000), running_server(tmp_path, *trust) as server, ExitStack() as stack:
        flood(place(server.http if trust else server.https), MOST_CONNECTIONS + 800, stack)
        wait_until(lambda: "have made room for others" in server.said(), 60, "room is made")
        assert server.request("/api/health").status == 200


def test_a_server_that_handshakes_have_left_without_a_descriptor_is_there_again(tmp_path: Path) -> None:
    """It was deaf for good, even when those who had them were gone."""
    with running_server(tmp_path) as server, ExitStack() as stack:
        first = server.worker()
        limits = resource.prlimit(first, resource.RLIMIT_NOFILE)
        resource.prlimit(first, resource.RLIMIT_NOFILE, (300, limits[1]))
        flood(place(server.https), 400, stack)
        wait_until(lambda: server.worker() not in {0, first}, 60, "another worker")
        wait_until(lambda: server.request("/api/health").status == 200, 30, "an answer")
        assert "no descriptor left" in server.said()
