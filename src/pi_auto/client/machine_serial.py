"""The serial number that its maker gave this machine: what tells an SD card that it was moved to another one."""

from __future__ import annotations

from pathlib import Path


def machine_serial(proc: Path = Path("/proc")) -> str | None:
    """The CPU serial of a Raspberry Pi; None where the machine has none, and a card cannot tell."""
    try:
        lines = (proc / "cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return None
    pairs = (line.partition(":") for line in lines)
    serial = next((value.strip() for name, _, value in pairs if name.strip() == "Serial"), "")
    return serial if serial.strip("0") else None
