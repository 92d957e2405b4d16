"""The device's own way into the network: its addresses and the routes that are open, as the kernel tells them.

It tells whether what failed was the device's own doing. Asking costs no packet and no child process.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from pi_auto.client.agent.network import netlink
from pi_auto.client.agent.network.netlink import OwnAddress

OwnLink = frozenset[object]  # to be compared, not to be looked into

_ROOM = 256 * 1024  # bytes of one datagram; the kernel fills 32 KiB at most
_MOST = 1024  # datagrams
_PATIENCE = 2.0  # seconds; the kernel answers at once
T = TypeVar("T")


def own_link() -> OwnLink:
    """What changes when a cable is pulled, a Wi-Fi joined or an address given; empty without a network."""
    return frozenset((*own_addresses(), *_asked(netlink.GET_ROUTES, netlink.routes_in)))


def own_addresses() -> list[OwnAddress]:
    """The addresses that this machine can be talked to by, link-local ones among them, loopback's not."""
    return _asked(netlink.GET_ADDRESSES, netlink.addresses_in)


def leads_on(descriptor: int) -> bool:
    """Whether a connected socket still leaves from an address this machine would take for its peer today.

    A connection whose address went with its link never ends by itself: nobody can tell this side.
    """
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError:
        return False
    try:
        local, peer = sock.getsockname(), sock.getpeername()
        with socket.socket(sock.family, socket.SOCK_DGRAM) as ahead:
            ahead.connect(peer)  # which sends nothing: the kernel only picks the route
            return bool(ahead.getsockname()[0] == local[0])
    except OSError:
        return False
    finally:
        sock.detach()


def _asked(kind: int, read: Callable[[bytes], Iterable[T]]) -> list[T]:
    found: list[T] = []
    with suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(_PATIENCE)
        sock.sendto(netlink.question(kind), (0, 0))
        for _ in range(_MOST):
            octets = sock.recv(_ROOM)
            found += read(octets)
            if any(each in (netlink.DONE, netlink.ERROR) for each, _ in netlink.messages(octets)):
                break
    return found
