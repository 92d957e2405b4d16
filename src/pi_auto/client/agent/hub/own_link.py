"""The device's own way into the network, as far as it tells whether a lost hub was the device's own doing.

Routes and addresses as the kernel lists them; reading them costs no packet and no child process.
"""

from __future__ import annotations

from pathlib import Path

_PROC_NET = Path("/proc/net")
_ROUTES, _SIXES = "route", "if_inet6"
_WHERE = slice(0, 3)  # interface, destination, gateway: the columns behind count uses


def own_link(folder: Path = _PROC_NET) -> frozenset[tuple[str, ...]]:
    """What changes when a cable is pulled, a Wi-Fi joined or an address given; empty without a network."""
    routes = [tuple(line.split()[_WHERE]) for line in _lines(folder / _ROUTES)[1:]]
    sixes = [(parts[-1], parts[0]) for parts in map(str.split, _lines(folder / _SIXES)) if len(parts) == 6]
    return frozenset((*routes, *sixes))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
