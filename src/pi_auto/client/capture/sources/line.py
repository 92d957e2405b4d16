"""A scanner on a serial line: cdc-acm, an adapter, or a driver of its maker's."""

from __future__ import annotations

from pathlib import Path

from pi_auto.client.capture.events import Gap, Octets
from pi_auto.client.capture.serial.lines import LineDecoder
from pi_auto.client.capture.serial.tty import faults_of, read_line
from pi_auto.client.capture.sources.opened import OpenedDevice
from pi_auto.client.capture.sources.source import MOST_READS, Decoding
from pi_auto.client.clock import boottime_ns
from pi_auto.typed import Any
from pi_auto.wire.scan import Scanner

_READ_BYTES = 4096  # what the kernel keeps for a reader
_SPOILT = (
    "characters were spoilt or dropped on the serial line; behind an adapter a scanner must be set to 9600 8N1"
)


class LineSource(OpenedDevice):
    """One serial line."""

    def __init__(self, path: Path, scanner: Scanner, descriptor: int, *, is_kept: bool = False) -> None:
        super().__init__(path, scanner, descriptor, is_kept=is_kept)
        self._faults = faults_of(descriptor)

    def decoder(self) -> Decoding:
        """A new decoder for its bytes."""
        return LineDecoder(opened_at=self.opened_at)

    def read(self, now: int) -> tuple[list[Octets | Gap], bool]:  # noqa: ARG002 - all that waits lies before it
        """All bytes that wait; behind them a gap, if the driver has counted characters that were spoilt."""
        parts: list[Octets | Gap] = []
        is_all = False
        for _ in range(MOST_READS):
            try:
                octets = read_line(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                is_all = True
                break
            parts.append(Octets(boottime_ns(), octets))
        if parts and self._is_spoilt():
            # Not in front: what is spoilt may be anywhere in what has just come.
            parts[:] = [Gap(boottime_ns(), _SPOILT)]
        return parts, is_all

    def memory(self) -> list[Any]:
        """How many characters were spoilt so far, as far as that was told."""
        return list(self._faults or ())

    def recall(self, memory: list[Any]) -> None:
        """What was spoilt since is told here."""
        self._faults = tuple(memory) or None

    def _is_spoilt(self) -> bool:
        if self._faults is None:
            return False
        former, self._faults = self._faults, faults_of(self._descriptor)
        return former != self._faults
