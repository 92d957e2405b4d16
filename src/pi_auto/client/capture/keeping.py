"""Grabbed devices rest with systemd while capture restarts, so that no key of a scan reaches a login console.

The kernel goes on queueing keys for a kept descriptor: what is scanned meanwhile waits there (up to
64 events). Its first code may lack its beginning and is reported as lost; those behind it are whole.
A descriptor that came back must be used or closed: its grab keeps everybody else from the keys.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from pi_auto.client.notify import Manager, handed_over


class Keeping:
    """The descriptors that systemd has kept for this process, and what it is to keep for the next one."""

    def __init__(self, manager: Manager, returned: dict[str, list[int]]) -> None:
        self._manager = manager
        self._returned = returned

    unjudged: frozenset[Path] = frozenset()  # of what has come back: keyboards that may be a person's

    def take(self, path: Path) -> int | None:
        """The descriptor kept for the device that is at `path` now; None if none was.

        No ioctl may ask it for its keys or set its clock: both throw away what waits in it.
        """
        name = _name_of(path.stat()) if self._returned and path.exists() else None
        found = self._returned.pop(name, []) if name else []
        for surplus in found[:-1]:
            os.close(surplus)
        return found[-1] if found else None

    def keep(self, descriptor: int) -> None:
        """Have a grabbed device kept from now on; systemd forgets it when it is unplugged."""
        if name := _name_of(os.fstat(descriptor)):
            self._manager.forget(name)  # what is kept of a device that had this number before
            self._manager.keep(descriptor, name)

    def forget(self, descriptor: int) -> None:
        """Keep a device no longer: it is about to be let go of for good."""
        if name := _name_of(os.fstat(descriptor)):
            self._manager.forget(name)

    def let_go_of_the_rest(self) -> None:
        """Close what was kept and is not wanted any more. To be called once every scanner there is was opened."""
        for name, descriptors in self._returned.items():
            self._manager.forget(name)
            for descriptor in descriptors:
                with suppress(OSError):
                    os.close(descriptor)
        self._returned.clear()


def of_this_process() -> Keeping:
    """What systemd keeps for this process. To be called once: what was handed over is told once."""
    return Keeping(Manager(), handed_over())


def name_of(descriptor: int) -> str | None:
    """By which a device is kept; None for what is none."""
    return _name_of(os.fstat(descriptor))


def _name_of(status: os.stat_result) -> str | None:
    """A device by its number, however the path to it is spelled; None for a FIFO, which has no grab to lose."""
    if not stat.S_ISCHR(status.st_mode):
        return None
    return f"device-{os.major(status.st_rdev)}-{os.minor(status.st_rdev)}"
