"""The network as the kernel tells it: this device's addresses, and how well it hears its Wi-Fi."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pi_auto.client.agent.network.netlink import OwnAddress

_PROC_NET = Path("/proc/net")
_MOST = 16  # addresses
_WORST, _BEST = -100, -50  # dBm that count as 0 and 100 percent


def ip_addresses(own: Iterable[OwnAddress]) -> list[str]:
    """Those that others can reach this device by, in order; no link-local ones."""
    found = {each.address for each in own if not each.address.is_link_local}
    return [str(each) for each in sorted(found, key=lambda each: (each.version, int(each)))][:_MOST]


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
    with suppress(ValueError):
        dbm = int(text.rstrip("."))
        return dbm if -150 < dbm < 0 else None
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
