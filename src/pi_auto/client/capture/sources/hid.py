"""Scanners that send HID reports: HID POS, and the serial line of Symbol's that shows as a raw HID device."""

from __future__ import annotations

import os
from pathlib import Path

from pi_auto.client.capture.events import Gap, Octets
from pi_auto.client.capture.hid.hidraw import KEPT, MOST_BYTES
from pi_auto.client.capture.hid.joining import PosDecoder
from pi_auto.client.capture.hid.pos import PosReports
from pi_auto.client.capture.serial.lines import LineDecoder
from pi_auto.client.capture.sources.opened import OpenedDevice
from pi_auto.client.capture.sources.source import Decoding
from pi_auto.client.clock import boottime_ns
from pi_auto.wire.scan import Scanner

_DROPPED = f"reports came faster than they were read: the kernel keeps {KEPT}, and may have dropped some"


class ReportSource(OpenedDevice):
    """One raw HID device, of which each read gives a report."""

    _in_a_row = 0  # reports read without the queue having been seen empty

    def read(self, now: int) -> tuple[list[Octets | Gap], bool]:  # noqa: ARG002 - all that waits lies before it
        """All reports that wait. Where the kernel's queue may have run over, a gap stands in its place."""
        parts: list[Octets | Gap] = []
        while self._in_a_row < KEPT:
            try:
                report = os.read(self._descriptor, MOST_BYTES)
            except BlockingIOError:
                self._in_a_row = 0
                return parts, True
            self._in_a_row += 1
            parts.append(self._part(boottime_ns(), report))
        self._in_a_row = 0
        parts.append(Gap(boottime_ns(), _DROPPED))
        return parts, False

    def _part(self, time: int, report: bytes) -> Octets | Gap:
        return Octets(time, report)


class PosSource(ReportSource):
    """A HID POS scanner, read by its own report descriptor."""

    def __init__(
        self, path: Path, scanner: Scanner, descriptor: int, reports: PosReports, *, is_kept: bool = False
    ) -> None:
        super().__init__(path, scanner, descriptor, is_kept=is_kept)
        self._reports = reports

    def decoder(self) -> Decoding:
        """A new decoder for its reports."""
        return PosDecoder(self._reports, opened_at=self.opened_at)


class SymbolSource(ReportSource):
    """Symbol's "Simple COM Port Emulation": a length, so many bytes, NUL up to the end of the report."""

    def decoder(self) -> Decoding:
        """A new decoder for the line that it stands for."""
        return LineDecoder(opened_at=self.opened_at)

    def _part(self, time: int, report: bytes) -> Octets | Gap:
        length = report[0] if report else 0
        if length >= len(report) and length:
            return Gap(time, f"a report says that it carries {length} bytes, and has {len(report) - 1}")
        return Octets(time, report[1 : 1 + length])
