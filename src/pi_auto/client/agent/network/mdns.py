"""Asks the network by mDNS who is a server of the fleet: one question, from a port of no name, for seconds only.

Nothing is bound or joined, so nothing of ours listens (RFC 6762 5.1, 6.7: such a question is answered to the
asker alone). Over every interface, by IPv4 and IPv6.
"""

from __future__ import annotations

import logging
import select
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from threading import Event

from pi_auto.client.agent.network.announcements import SERVICE, Announcements
from pi_auto.client.agent.network.dns_message import MOST_OCTETS, PTR, question, records_in
from pi_auto.client.agent.network.netlink import OwnAddress
from pi_auto.wire.server_address import ServerAddress

log = logging.getLogger("pi_auto.network")

_PORT, _GROUP4, _GROUP6 = 5353, "224.0.0.251", "ff02::fb"
_REPEAT = 1.0  # seconds, and twice as many each time: RFC 6762 5.2
_PATIENCE = 6.0  # a server that has just moved takes a moment to say so
_LOOK = 0.5  # seconds between looks whether it is over
_MOST_LINKS, _MOST_ANSWERS = 8, 100
_INTERFACE = struct.Struct("=4s4si")  # ip_mreqn


def servers_announced(fleet_id: str | None, own: Iterable[OwnAddress], over: Event) -> Iterator[ServerAddress]:
    """The servers that answer, as they do; for so long, and no longer than until it is `over`."""
    with ExitStack() as stack:
        links = _links(own)[:_MOST_LINKS]
        sockets = [made for link in links if (made := _socket(*link, stack))]
        yield from _told(fleet_id, sockets, over) if sockets else ()


def _told(
    fleet_id: str | None, sockets: list[tuple[socket.socket, tuple[str, int]]], over: Event
) -> Iterator[ServerAddress]:
    heard, told = Announcements(fleet_id), set[ServerAddress]()
    until = time.monotonic() + _PATIENCE
    for wait, octets in _answers(sockets, until, over):
        if wait:
            _ask(sockets, question([(SERVICE, PTR)]))
            continue
        heard.hear(records_in(octets))
        if more := heard.missing():
            _ask(sockets, question(more))
        for server in heard.servers():
            if server not in told:
                told.add(server)
                yield server


def _answers(
    sockets: list[tuple[socket.socket, tuple[str, int]]], until: float, over: Event
) -> Iterator[tuple[bool, bytes]]:
    """(True, nothing) whenever it is time to ask, (False, the answer) for each one that comes."""
    poll, by_number = select.poll(), {sock.fileno(): sock for sock, _ in sockets}
    for number in by_number:
        poll.register(number, select.POLLIN)
    ask_at, pause, count = 0.0, _REPEAT, 0
    while (now := time.monotonic()) < until and not over.is_set() and count < _MOST_ANSWERS:
        if now >= ask_at:
            ask_at, pause = now + pause, 2 * pause
            yield True, b""
        for number, _ in poll.poll(max(0.0, min(ask_at, until, now + _LOOK) - now) * 1000):
            count += 1
            with suppress(OSError):
                yield False, by_number[number].recv(MOST_OCTETS)


def _links(own: Iterable[OwnAddress]) -> list[tuple[int, int]]:
    """(interface, family) of each that has an address."""
    families = {4: socket.AF_INET, 6: socket.AF_INET6}
    return list(dict.fromkeys((each.interface, int(families[each.address.version])) for each in own))


def _socket(interface: int, family: int, stack: ExitStack) -> tuple[socket.socket, tuple[str, int]] | None:
    """A socket that sends over this interface, and whom to; none where there is no multicast."""
    try:
        sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        sock.setblocking(False)
        if family == socket.AF_INET:
            aimed = _INTERFACE.pack(b"\0" * 4, b"\0" * 4, interface)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, aimed)
            return sock, (_GROUP4, _PORT)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface)
    except OSError as error:
        log.debug("no mDNS over interface %d: %s", interface, error)
        return None
    return sock, (_GROUP6, _PORT)


def _ask(sockets: list[tuple[socket.socket, tuple[str, int]]], octets: bytes) -> None:
    for sock, group in sockets:
        with suppress(OSError):  # an interface that has just gone
            sock.sendto(octets, group)
