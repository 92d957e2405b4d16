"""How the hub that the server runs speaks TLS: under which name, with what certificate, where by WebSocket.

The hub knows nothing of the fleet. It is handed certificate and key when it starts, as a file in
memory, and over its socket when they change; the key lies on no disk in the clear.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pi_auto.server.settings import Address


@dataclass(frozen=True, slots=True)
class HubTls:
    """`name` is the HostName of connection strings; `pem` gives what to show now: certificate, chain and key."""

    name: str
    pem: Callable[[], bytes]
    websocket: Address | None = None

    def options(self, descriptor: int) -> list[str]:
        """The hub's options, with the certificate in a file descriptor that it inherits."""
        file = f"/proc/self/fd/{descriptor}"
        said = ["--name", self.name, "--tls-cert", file, "--tls-key", file]
        if self.websocket:
            said += ["--websocket-host", self.websocket.host, "--websocket-port", str(self.websocket.port)]
        return said


@contextmanager
def in_memory(octets: bytes) -> Iterator[int]:
    """A file descriptor of a file that is on no disk and holds these octets; closed at the end."""
    descriptor = os.memfd_create("certificate")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(octets)
        yield descriptor
    finally:
        os.close(descriptor)
