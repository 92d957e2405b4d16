"""How this device stands, as far as following a Wi-Fi code depends on it."""

from __future__ import annotations

from pathlib import Path

from pi_auto.client.clock import boottime_ns
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.client.wifi.policy import Facts

_REGISTRATION = "registration.json"  # in the agent's folder: what the fleet gave, so that it is in one
_UP, _REJECT = 0x0001, 0x0200  # of a route's flags: RTF_UP, RTF_REJECT


def facts_of(file: Path | None = None, proc: Path = Path("/proc")) -> Facts:
    """What is so now. Settings that cannot be read switch it off; of the server in them nothing is wanted."""
    try:
        settings = Settings.load(file, judges_server=False)
    except SettingsError:
        settings = Settings(wifi_by_scanning=False)
    return Facts(
        switched_on=settings.wifi_by_scanning,
        enrolled=_is_there(settings.agent_folder / _REGISTRATION),
        has_network=has_way_out(proc),
        uptime=boottime_ns() / 1e9,
    )


def has_way_out(proc: Path) -> bool:
    """Whether a default route is there, by IPv4 or IPv6."""
    four = (line.split() for line in _lines(proc / "net/route")[1:])
    six = (line.split() for line in _lines(proc / "net/ipv6_route"))
    return any(len(row) > 7 and row[1] == row[7] == "00000000" and _leads(row[3]) for row in four) or any(
        len(row) == 10 and not row[0].strip("0") and row[1] == "00" and row[9] != "lo" and _leads(row[8])
        for row in six
    )


def _leads(flags: str) -> bool:
    return bool(int(flags, 16) & _UP) and not int(flags, 16) & _REJECT


def _is_there(file: Path) -> bool:
    """Also where it may not be looked at: who does not know is careful."""
    try:
        file.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
