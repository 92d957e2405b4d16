"""The appliance's services: whether each runs, as its control group tells without asking systemd for it."""

from __future__ import annotations

from pathlib import Path

_SLICE = Path("/sys/fs/cgroup/pi.slice/pi-auto.slice")
_SERVICES = ("pi-auto-client", "pi-auto-capture")


def services(folder: Path = _SLICE) -> dict[str, str]:
    """`active` while it has a process, else `inactive`; none of them where systemd does not run this client."""
    if not folder.is_dir():
        return {}
    return {name: _state(folder / f"{name}.service") for name in _SERVICES}


def _state(group: Path) -> str:
    try:
        events = (group / "cgroup.events").read_text(encoding="ascii")
    except OSError:
        return "inactive"  # systemd removes the group of a service that does not run
    return "active" if "populated 1" in events.splitlines() else "inactive"
