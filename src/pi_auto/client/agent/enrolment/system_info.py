"""What a device tells of its machine when it registers and with every heartbeat.

The names are the legacy contract's: the shipped client and its readers use them.
"""

from __future__ import annotations

import platform
import socket
from typing import Any

from pi_auto.client.agent.enrolment.hardware import Hardware

_LONGEST = 256  # characters of one text
_ANYWHERE = ("192.0.2.1", "2001:db8::1")  # RFC 5737 and 3849: for documentation, routed like the rest of the world


def system_info(toward: tuple[str, int], hardware: Hardware | None = None) -> dict[str, Any]:
    """Facts about this machine; its address is the one it would use `toward` the server."""
    machine = hardware or Hardware()
    return {
        "hostname": socket.gethostname()[:_LONGEST],
        "ip_address": _address(toward[0]),
        "uptime_seconds": machine.uptime_seconds(),
        "total_memory_kb": machine.memory_kb(),
        "cpu_model": (machine.cpu("Model") or machine.cpu("model name") or platform.machine())[:_LONGEST],
        "mac_address": machine.mac() or "",
        "services": ["pi-auto-client"],
        "os_info": _os_info(),
    }


def _os_info() -> dict[str, str]:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError, ValueError):  # the last of a file that is no UTF-8
        name = platform.system()
    return {
        "name": name[:_LONGEST],
        "kernel": platform.release()[:_LONGEST],
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def _address(server: str) -> str:
    """The address this machine would use toward the server, else toward anywhere; empty without a network.

    Connecting a datagram socket sends nothing, the kernel only picks the route. Names are not
    looked up: this is asked with every heartbeat, and a resolver may take its time.
    """
    found = (_source_toward(address) for address in (server, *_ANYWHERE))
    return next((address for address in found if address), "")


def _source_toward(address: str) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.inet_pton(family, address)
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))
            return str(sock.getsockname()[0])
    except OSError:
        return ""
