"""The last resort of a device whose card names no address: asks each machine of its own small network.

The port without TLS says of itself whether it is a server of the fleet and where its TLS is. That is a
guess as any other, from whoever answers. Private IPv4 networks only, at most 256 machines of each,
slowly enough for the cheapest switch; how seldom is `Seldom`'s part.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import chain, zip_longest
from select import POLLIN, POLLOUT, poll
from threading import Event

from pi_auto.client.agent.network.netlink import OwnAddress
from pi_auto.wire.health import SERVICE
from pi_auto.wire.server_address import ServerAddress

PORT = 5000
_NETWORKS, _BITS = 4, 24
_RATE = 100.0  # machines a second
_AT_ONCE = 128
_PATIENCE = 1.0  # seconds for a machine, answer included
_MOST_ANSWER = 4096  # bytes
_MOST_FOUND = 8
_TICK = 0.05


def neighbours(own: Iterable[OwnAddress]) -> list[str]:
    """Whom to ask: the private networks by turns, this device itself left out."""
    mine = [each for each in own if isinstance(each.address, IPv4Address) and _is_private(each.address)]
    networks = dict.fromkeys(
        IPv4Network((int(each.address), max(each.bits, _BITS)), strict=False) for each in mine
    )
    rows = [list(map(str, network.hosts())) for network in list(networks)[:_NETWORKS]]
    turns = chain.from_iterable(zip_longest(*rows))
    return [each for each in turns if each and each not in {str(own.address) for own in mine}]


def server_told(octets: bytes, host: str, fleet_id: str | None) -> ServerAddress | None:
    """Where the server's TLS is by its answer, if it says that it is of this fleet, or of any where it is None."""
    head, _, body = octets.partition(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.0 200 ", b"HTTP/1.1 200 ")):
        return None
    try:
        told = json.loads(body)
        ours = (told["service"], told["fleet_id"]) == (SERVICE, fleet_id or told["fleet_id"])
        port = told["tls"]["https"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return ServerAddress(host, port) if ours and type(port) is int and 0 < port < 65536 else None


@dataclass(slots=True)
class _Call:
    host: str
    sock: socket.socket
    until: float
    octets: bytearray = field(default_factory=bytearray)
    asked: bool = False


def servers_probed(fleet_id: str | None, hosts: list[str], over: Event) -> Iterator[ServerAddress]:
    """Those that say they are of the fleet, as they answer; no longer than until it is `over`."""
    calls, waiting, found = dict[int, _Call](), list(reversed(hosts)), 0
    began, dialled = time.monotonic(), 0
    try:
        while (waiting or calls) and not over.is_set() and found < _MOST_FOUND:
            due = int((time.monotonic() - began) * _RATE) + 1 - dialled
            for _ in range(min(due, len(waiting), _AT_ONCE - len(calls))):
                dialled += 1
                if call := _dial(waiting.pop()):
                    calls[call.sock.fileno()] = call
            for call in _ended(calls):
                if server := server_told(bytes(call.octets), call.host, fleet_id):
                    found += 1
                    yield server
    finally:
        for call in calls.values():
            call.sock.close()


def _ended(calls: dict[int, _Call]) -> list[_Call]:
    """Let the network work for a moment; the calls that are over, taken out and closed."""
    poller = poll()
    for number, call in calls.items():
        poller.register(number, POLLIN if call.asked else POLLOUT)
    ready = {number for number, _ in poller.poll(_TICK * 1000)}
    now = time.monotonic()
    over = [call for number, call in calls.items() if now > call.until or (number in ready and not _goes_on(call))]
    for call in over:
        del calls[call.sock.fileno()]
        call.sock.close()
    return over


def _goes_on(call: _Call) -> bool:
    """Do what can be done now; whether there is more to come."""
    try:
        if not call.asked:
            call.sock.send(f"GET /api/health HTTP/1.0\r\nHost: {call.host}\r\n\r\n".encode())
            call.asked = True
            return True
        octets = call.sock.recv(_MOST_ANSWER)
    except BlockingIOError:
        return True
    except OSError:
        return False
    call.octets += octets
    return bool(octets) and len(call.octets) < _MOST_ANSWER


def _dial(host: str) -> _Call | None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        with suppress(BlockingIOError):
            sock.connect((host, PORT))
    except OSError:
        sock.close()
        return None
    return _Call(host, sock, time.monotonic() + _PATIENCE)


def _is_private(address: IPv4Address) -> bool:
    return address.is_private and not address.is_link_local


class Seldom:
    """Whether it is time for a probe: at first, then after pauses that double; anew on another network."""

    def __init__(self, first: float = 60.0, longest: float = 900.0) -> None:
        self._first, self._longest = first, longest
        self.anew()

    def anew(self) -> None:
        """The network is another one."""
        self._pause, self._not_before = self._first, 0.0

    def is_time(self, now: float) -> bool:
        """Whether to probe now (time.monotonic); a yes counts as a probe."""
        if now < self._not_before:
            return False
        self._not_before, self._pause = now + self._pause, min(self._longest, 2 * self._pause)
        return True
