"""Scanners inside a virtual Pi that a test drives: HID devices by uhid, keyboards by uinput.

The emulator's own keyboards hand over an event each 8 ms and lose keys on a busy machine; these send what they
are told at the pace they are told, and a scanner can be made of any report descriptor.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

from support.vm.machine import Machine

_GUEST = Path(__file__).parent / "guest"
_words = itertools.count(1)


class Hands:
    """One of the guest's programs, `uhid` or `uinput`, running for as long as the guest does."""

    def __init__(self, machine: Machine, kind: str) -> None:
        self._machine, self._kind = machine, kind
        self._unit, self._fifo = f"rig-{kind}.service", f"/run/rig-{kind}"

    def begin(self) -> None:
        """Start it, unless it runs."""
        if self._machine.run(f"systemctl is-active {self._unit}", check=False) == "active":
            return
        self._machine.run(f"sudo modprobe {self._kind}")
        self._machine.copy_in(_GUEST / f"{self._kind}.py")
        mark = self._machine.journal.mark()
        self._machine.run(
            # Ahead of whatever else is busy, behind the reader of capture.
            f"sudo systemd-run --quiet --collect --unit={self._unit} "
            "-p CPUSchedulingPolicy=fifo -p CPUSchedulingPriority=10 "
            f"/usr/bin/python3 /home/pi/{self._kind}.py {self._fifo}"
        )
        self._machine.journal.wait_for("ready", mark, unit=self._unit, timeout=60 * self._machine.slow)

    def do(self, *commands: str, timeout: float = 60.0) -> None:
        """Have commands done, one after the other, and wait until they are."""
        word = f"done-{next(_words)}"
        file = Path(self._machine.folder) / "commands"
        file.write_text("\n".join([*commands, f"say {word}"]) + "\n")
        mark = self._machine.journal.mark()
        self._machine.copy_in(file)
        self._machine.run(f"cat /home/pi/commands > {self._fifo}", timeout=timeout * self._machine.slow)
        self._machine.journal.wait_for(word, mark, unit=self._unit, timeout=timeout * self._machine.slow)

    def end(self) -> None:
        """Stop it, which unplugs all it has made."""
        self._machine.run(f"sudo systemctl stop {self._unit}", check=False)


def frames(events: Iterable[Iterable[tuple[int, int, int]]]) -> list[str]:
    """Frames of events as the command takes them."""
    return [",".join(":".join(map(str, event)) for event in frame) for frame in events]


def reports(name: str, found: Iterable[bytes], *, microseconds: int = 2000) -> str:
    """The command that sends reports."""
    return f"reports {name} {microseconds} {' '.join(each.hex() for each in found)}"
