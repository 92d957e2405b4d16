"""The board's own LED tells what became of a scan: a scanner's beep means "decoded", not "stored".

One flash: stored, and on the disk. Three: a code was lost. Blinking: nothing can be stored, until it can
again. Signals come from the clerk, which never waits for them; a board without such an LED shows none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue

LEDS = Path("/sys/class/leds")
AUTO, OFF = "auto", "off"  # the settings
_NAMES = ("ACT", "led0")  # of the activity LED of a Raspberry Pi, by recent and by older kernels
_MOST_WAITING = 3  # flashes; who scans faster sees fewer
_log = logging.getLogger("pi_auto.capture")


class Signal(StrEnum):
    """What there is to be told."""

    STORED = "stored"
    LOST = "lost"
    TROUBLE = "trouble"  # goes on until WELL
    WELL = "well"
    END = "end"


# Seconds of light and of darkness, in turn.
_PATTERNS: dict[Signal, tuple[float, ...]] = {
    Signal.STORED: (0.08, 0.08),
    Signal.LOST: (0.15, 0.15, 0.15, 0.15, 0.15, 0.4),
    Signal.TROUBLE: (0.5, 0.5),
}


class Light(threading.Thread):
    """Shows signals on the LED in `folder`, if there is one; `pause` waits for so many seconds."""

    def __init__(self, folder: Path | None, pause: Callable[[float], object] | None = None) -> None:
        super().__init__(name="light", daemon=True)
        self._folder = folder
        self._pause = pause or threading.Event().wait
        self._signals: SimpleQueue[Signal] = SimpleQueue()
        self._in_trouble = False

    def show(self, signal: Signal) -> None:
        """Have it shown soon. Never waits, never fails."""
        passing = signal in (Signal.STORED, Signal.LOST)
        if self._folder and not (passing and self._signals.qsize() >= _MOST_WAITING):
            self._signals.put(signal)

    def run(self) -> None:
        """Show signals until END, then give the LED back to the kernel."""
        if self._folder is None:
            return
        try:
            self._work(self._folder)
        except OSError as error:
            _log.warning("the LED %s cannot be used: %s", self._folder.name, error.strerror)
            self._folder = None

    def _work(self, led: Path) -> None:
        former = _trigger_of(led)
        _write(led / "trigger", "none")
        while (signal := self._next()) is not Signal.END:
            self._in_trouble = signal is Signal.TROUBLE or (self._in_trouble and signal is not Signal.WELL)
            self._flash(led, _PATTERNS.get(signal, ()))
        _write(led / "trigger", former)

    def _next(self) -> Signal:
        """What comes next; trouble goes on by itself."""
        try:
            return self._signals.get(block=not self._in_trouble)
        except Empty:
            return Signal.TROUBLE

    def _flash(self, led: Path, pattern: tuple[float, ...]) -> None:
        for place, seconds in enumerate(pattern):
            _write(led / "brightness", "0" if place % 2 else "1")
            self._pause(seconds)


def led_of(choice: str, leds: Path = LEDS) -> Path | None:
    """The folder of the LED that a setting (AUTO or OFF) names; None if there is none."""
    if choice == OFF:
        return None
    return next((leds / name for name in _NAMES if (leds / name / "brightness").exists()), None)


def _trigger_of(led: Path) -> str:
    """What the kernel lets the LED show: the word in brackets."""
    words = (led / "trigger").read_text().split()
    return next((word.strip("[]") for word in words if word.startswith("[")), "none")


def _write(file: Path, value: str) -> None:
    file.write_text(value)
