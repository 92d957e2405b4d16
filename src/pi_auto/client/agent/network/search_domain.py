"""Asks the network's DNS for the name `pi-auto`, which whoever keeps the network may have given to the server.

The system's resolver completes it by its search domain. A resolver takes as long as it likes and cannot
be stopped: so there is one question at a time, in a thread that nobody waits for.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address

from pi_auto.wire.announcement import DNS_NAME
from pi_auto.wire.server_address import ServerAddress

_MOST = 4  # addresses


class SearchDomain:
    """The resolver, which is asked again only once it has answered."""

    def __init__(self) -> None:
        self._asking = threading.Lock()

    def servers_named(self, _over: threading.Event) -> Iterator[ServerAddress]:
        """Where the name leads; nowhere on most networks."""
        if not self._asking.acquire(blocking=False):
            return
        try:
            found = socket.getaddrinfo(DNS_NAME, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        finally:
            self._asking.release()
        addresses = dict.fromkeys(str(place[0]) for *_, place in found if _is_of_use(str(place[0])))
        yield from (ServerAddress(address) for address in list(addresses)[:_MOST])


def _is_of_use(text: str) -> bool:
    if "%" in text:
        return False
    address = ip_address(text)
    return not (address.is_loopback or address.is_multicast or address.is_unspecified)
