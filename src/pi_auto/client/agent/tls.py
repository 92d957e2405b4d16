"""TLS whose verified name is fixed beforehand, whatever address is dialled.

http.client and paho both verify the host that they dial (paho: issue 734 of its
repository). Both only ever call `wrap_socket` of the context they are given, so this is
the one place where the name is put in. Verification is never off.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any


class NamedContext(ssl.SSLContext):
    """A client's context that verifies one name."""

    verified_name: str

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        """The socket with TLS on it; a certificate for any other name than `verified_name` ends the handshake.

        The handshake is done here, whoever calls: paho would leave the socket open when it fails.
        """
        ours = {"server_hostname": self.verified_name, "do_handshake_on_connect": True}
        return super().wrap_socket(sock, *args, **(options | ours))


def context_for(name: str, ca: Path | None, *, system_too: bool = False) -> NamedContext:
    """A context for `name` that believes the authorities in the PEM file `ca`, else the system's.

    `system_too` believes both: the fleet's hub may be Azure's. Raises OSError if `ca` cannot be used.
    """
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verified_name = name
    if ca is not None:
        context.load_verify_locations(ca)
    if ca is None or system_too:
        context.load_default_certs()
    return context
