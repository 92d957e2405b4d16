"""What the machine says of itself: the numbers its maker gave it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.machine_serial import machine_serial

_USUAL = ("eth0", "wlan0")


@dataclass(frozen=True, slots=True)
class Hardware:
    """The kernel's view of this machine; tests point it at a folder of theirs."""

    proc: Path = Path("/proc")
    net: Path = Path("/sys/class/net")

    def serial(self) -> str | None:
        """The CPU serial of a Raspberry Pi."""
        return machine_serial(self.proc)

    def mac(self) -> str | None:
        """The address of eth0, else wlan0, else of any interface that is a piece of hardware."""
        found = [_first_line(self.net / name / "address") for name in (*_USUAL, *self._physical())]
        return next((address for address in found if address.strip("0:")), None)

    def cpu(self, name: str) -> str:
        """A line of /proc/cpuinfo by its name, such as `Serial`; empty if there is none."""
        return _named(self.proc / "cpuinfo", name)

    def memory_kb(self) -> int:
        """All memory there is, in KiB."""
        return _whole(_named(self.proc / "meminfo", "MemTotal").removesuffix("kB"))

    def uptime_seconds(self) -> int:
        """Seconds since boot."""
        return _whole(_first_line(self.proc / "uptime").partition(".")[0])

    def _physical(self) -> list[str]:
        """Interfaces with a device behind them: no loopback, bridge or tunnel, whose addresses come and go."""
        return sorted(link.parent.name for link in self.net.glob("*/device"))


def _named(file: Path, name: str) -> str:
    for line in _text(file).splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _whole(digits: str) -> int:
    """A number that is none of these counts for nothing."""
    try:
        return max(0, int(digits))
    except ValueError:
        return 0


def _first_line(file: Path) -> str:
    return _text(file).partition("\n")[0].strip()


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
