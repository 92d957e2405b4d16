"""A device that is open: its descriptor, since when, and how it rests with systemd while capture restarts."""

from __future__ import annotations

import os
from pathlib import Path

from pi_auto.client.capture.keeping import Keeping
from pi_auto.client.clock import boottime_ns
from pi_auto.typed import Any
from pi_auto.wire.scan import Scanner


class OpenedDevice:
    """What all sources have in common that read a device. `is_kept`: it was open before this process began."""

    known = True

    def __init__(self, path: Path, scanner: Scanner, descriptor: int, *, is_kept: bool = False) -> None:
        self.path, self.scanner, self.is_kept = path, scanner, is_kept
        self._descriptor = descriptor
        self.opened_at: int | None = boottime_ns()

    def keep(self, keeping: Keeping | None) -> None:
        """Have it kept from now on, if it is not."""
        if keeping and not self.is_kept:
            keeping.keep(self._descriptor)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._descriptor

    def memory(self) -> list[Any]:
        """Nothing must be known to read on."""
        return []

    def recall(self, memory: list[Any]) -> None:
        """Read on from where another process has stopped."""

    def due(self) -> int | None:
        """Not known: a scanner sends when it sends."""
        return None

    def close(self) -> None:
        """Close it, which also ends a grab."""
        os.close(self._descriptor)
