"""The first steps to any host: its addresses, and a connection. Bounded in time; nothing is sent."""

from __future__ import annotations

import socket
import time

from pi_auto.client.doctor.patience import Aside

TO_LOOK_UP, TO_CONNECT = 6.0, 4.0  # seconds


def look_up(host: str) -> list[str]:
    """The addresses of a host; OSError if there are none, TimeoutError if the resolver does not answer."""
    work = Aside(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    found = work.result(time.monotonic() + TO_LOOK_UP)
    return sorted({str(entry[4][0]) for entry in found})


def knock(host: str, port: int) -> str:
    """Why there is no TCP connection to be had; empty if there is one."""
    try:
        look_up(host)
        socket.create_connection((host, port), TO_CONNECT).close()
    except (OSError, UnicodeError) as error:
        return told(error)
    return ""


def told(error: Exception) -> str:
    """What an error of the network says, without its number."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or f"{error}" or repr(error)
