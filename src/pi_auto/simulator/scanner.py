"""A virtual scanner: a FIFO that carries struct input_event, typed into at a scanner's pace.

It behaves as the kernel does where that matters: events carry CLOCK_BOOTTIME, they wait
while nobody reads, and when too many wait the rest is dropped and SYN_DROPPED says so.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from pi_auto.client.capture.events import EV_SYN, KEY_ENTER, SYN_DROPPED, pack_event
from pi_auto.simulator.typist import reports_for
from pi_auto.simulator.wedge import Report, Wedge

FASTEST = 0.002  # seconds a character: what the fastest keyboard scanners do


class VirtualScanner:
    """Types codes into the FIFO at `path`, which is made if it is not there."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            os.mkfifo(path, 0o600)
        self.path = path
        # Open for both, so that it stays open while no capture process reads.
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._dropped = False

    def type(self, text: str, *, per_character: float = FASTEST, suffix: int | None = KEY_ENTER) -> None:
        """Send one code, `per_character` seconds a character; ends with the suffix key, or with none."""
        due = _boottime()
        for report in reports_for(text, suffix=suffix):
            self.send(report, due)
            due += round(per_character / 2 * 1e9)
            time.sleep(max(0, due - _boottime()) / 1e9)

    def type_at_once(self, text: str, wedge: Wedge | None = None) -> None:
        """Send one code in a single write, its keys stamped as if just typed: exact on the busiest machine.

        `wedge` says how the scanner is set up; none is a US keyboard.
        """
        reports = list(wedge.reports(text) if wedge else reports_for(text))
        step = round(FASTEST / 2 * 1e9)
        begun = _boottime() - step * len(reports)
        self._write(b"".join(_packed(report, begun + step * n) for n, report in enumerate(reports)))

    def send(self, report: Report, time: int) -> None:
        """Send what a scanner sends at once, at `time`; dropped if nobody has read for long."""
        self._write(_packed(report, time))

    def _write(self, octets: bytes) -> None:
        """Whatever comes after something that was dropped is preceded by the word that it was."""
        lost = _packed([(EV_SYN, SYN_DROPPED, 0)], _boottime()) if self._dropped else b""
        try:
            os.write(self._descriptor, lost + octets)
            self._dropped = False
        except BlockingIOError:
            self._dropped = True

    def close(self) -> None:
        """Unplug it."""
        os.close(self._descriptor)


def _packed(report: Report, time: int) -> bytes:
    return b"".join(pack_event(time, *event) for event in report)


def _boottime() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
