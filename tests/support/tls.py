"""TLS as devices make it: dialled by address, verified by the fleet's name."""

from __future__ import annotations

import http.client
import socket
import ssl
from functools import lru_cache
from typing import Any, Self

from pi_auto.wire.fleet_card import FleetCard


def place(address: str) -> tuple[str, int]:
    """Host and port of ADDRESS:PORT; what listens everywhere is dialled on loopback."""
    host, _, port = address.rpartition(":")
    return host.strip("[]").replace("0.0.0.0", "127.0.0.1"), int(port)


def connect(address: str, card: FleetCard, name: str | None = None) -> ssl.SSLSocket:
    """A connection to a server of the card's fleet, or to one of another `name`."""
    plain = socket.create_connection(place(address), timeout=20)
    try:
        return _believing(card.ca).wrap_socket(plain, server_hostname=name or card.server_name)
    except BaseException:
        plain.close()
        raise


@lru_cache
def _believing(ca: str) -> ssl.SSLContext:
    """Made once: that takes longer than a handshake."""
    return ssl.create_default_context(cadata=ca)


class NamedContext(ssl.SSLContext):
    """For a library that would verify the address it dials: verified is `name` alone."""

    name = ""

    @classmethod
    def of(cls, ca: str, name: str) -> Self:
        """One that believes this authority (PEM) and wants that name."""
        made = cls(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(cadata=ca)
        made.name = name
        return made

    def wrap_socket(self, sock: Any, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        """As its parent, by the name."""
        return super().wrap_socket(sock, *arguments, **named | {"server_hostname": self.name})


def http_to(address: str, card: FleetCard) -> http.client.HTTPConnection:
    """The same, to speak HTTP over."""
    connection = http.client.HTTPConnection(*place(address), timeout=30)
    connection.sock = connect(address, card)
    return connection
