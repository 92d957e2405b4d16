"""Keys as a scanner types them, with times: for decoders, recordings and FIFOs."""

from __future__ import annotations

import array
import fcntl
import os
import termios
from collections.abc import Iterable
from pathlib import Path

from pi_auto.client.capture.evemu import write_event
from pi_auto.client.capture.events import (
    EV_KEY,
    EV_SYN,
    KEY_ENTER,
    PRESSED,
    RELEASED,
    SYN_DROPPED,
    SYN_REPORT,
    InputEvent,
    pack_event,
)
from pi_auto.simulator.typist import reports_for

MS = 1_000_000
START = 5_000 * MS


def typed(
    text: str, at: int = START, *, gap: int = 2 * MS, suffix: int | None = KEY_ENTER, keep: slice = slice(None)
) -> list[InputEvent]:
    """The events of one code, its first key pressed at `at` (ns), `gap` from one character to the next."""
    events = [
        InputEvent(at + step * gap // 2, *event)
        for step, report in enumerate(reports_for(text, suffix=suffix))
        for event in report
    ]
    return events[keep]


def stroke(code: int, at: int) -> list[InputEvent]:
    """One key pressed and released."""
    return [
        InputEvent(at, EV_KEY, code, PRESSED),
        InputEvent(at, EV_SYN, SYN_REPORT, 0),
        InputEvent(at + MS, EV_KEY, code, RELEASED),
        InputEvent(at + MS, EV_SYN, SYN_REPORT, 0),
    ]


def strokes(codes: Iterable[int], at: int = START) -> list[InputEvent]:
    """Keys pressed one after the other, 2 ms apart."""
    return [event for step, code in enumerate(codes) for event in stroke(code, at + step * 2 * MS)]


def overflow(at: int) -> list[InputEvent]:
    """What the kernel leaves of a queue that ran over."""
    return [InputEvent(at, EV_SYN, SYN_DROPPED, 0), InputEvent(at, EV_SYN, SYN_REPORT, 0)]


def recording(path: Path, events: Iterable[InputEvent]) -> Path:
    """A recording of the events at `path`."""
    path.write_text("# EVEMU 1.3\nN: Test Scanner\n" + "".join(map(write_event, events)))
    return path


class Fifo:
    """A virtual scanner that types a whole code in one write, so that no busy machine comes between its keys."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def send(self, events: Iterable[InputEvent]) -> None:
        """Write events as they are."""
        self.write(b"".join(pack_event(*event) for event in events))

    def write(self, octets: bytes) -> None:
        """Write bytes, whatever they are."""
        assert os.write(self._descriptor, octets) == len(octets)

    def is_drained(self) -> bool:
        """Whether everything was read."""
        unread = array.array("i", [0])
        fcntl.ioctl(self._descriptor, termios.FIONREAD, unread)
        return unread[0] == 0

    def close(self) -> None:
        """Unplug it."""
        os.close(self._descriptor)
