"""The network as the kernel tells it: this device's addresses, and how well it hears its Wi-Fi."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

_PROC_NET = Path("/proc/net")
_MOST = 16  # addresses
_WORST, _BEST = -100, -50  # dBm that count as 0 and 100 percent
_LOCAL = re.compile(r"^ +\|-- (\S+)\n +/32 host LOCAL$", re.MULTILINE)


def ip_addresses(folder: Path = _PROC_NET) -> list[str]:
    """Those that others can reach this device by, in order; neither loopback nor link-local ones."""
    found = {*_LOCAL.findall(_text(folder / "fib_trie")), *_sixes(_text(folder / "if_inet6"))}
    addresses = sorted(
        (address.version, address) for address in map(ipaddress.ip_address, found) if _is_ours(address)
    )
    return [str(address) for _, address in addresses][:_MOST]


def signal_strength(folder: Path = _PROC_NET) -> dict[str, str | int] | None:
    """Of the first wireless interface that hears anything: its name, dBm, and percent; None without one."""
    for line in _text(folder / "wireless").splitlines()[2:]:
        interface, _, rest = line.partition(":")
        level = rest.split()[2:3]
        dbm = _dbm(level[0]) if level else None
        if dbm is not None:
            percent = round(100 * (dbm - _WORST) / (_BEST - _WORST))
            return {"interface": interface.strip(), "dBm": dbm, "percent": min(100, max(0, percent))}
    return None


def _dbm(text: str) -> int | None:
    digits = text.rstrip(".")
    if not digits.lstrip("-").isdigit():
        return None
    return int(digits) if -150 < int(digits) < 0 else None


def _sixes(text: str) -> list[str]:
    lines = (line.split() for line in text.splitlines())
    return [str(ipaddress.IPv6Address(bytes.fromhex(parts[0]))) for parts in lines if len(parts) == 6]


def _is_ours(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not (address.is_loopback or address.is_link_local)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
