"""The board's own LED, under /sys/class/leds: taken from the kernel while capture runs, and given back."""

from __future__ import annotations

from pathlib import Path

from pi_auto.client.capture.signals.scores import BOARD

LEDS = Path("/sys/class/leds")
AUTO, OFF = "auto", "off"  # the settings
_NAMES = ("ACT", "led0")  # of the activity LED of a Raspberry Pi, by recent and by older kernels


class BoardLed:
    """The LED in `folder`. Every method raises OSError where it cannot be used."""

    roles = frozenset((BOARD,))

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._former = "none"
        self.name = f"the LED {folder.name}"

    def open(self) -> None:
        """Take it."""
        self._former = _trigger_of(self._folder)
        _write(self._folder / "trigger", "none")
        self.light(lit=False)

    def light(self, *, lit: bool) -> None:
        """Switch it."""
        _write(self._folder / "brightness", "1" if lit else "0")

    def close(self) -> None:
        """Leave it dark, and to what it showed before."""
        self.light(lit=False)
        _write(self._folder / "trigger", self._former)


def led_of(choice: str, leds: Path = LEDS) -> BoardLed | None:
    """The LED that a setting (AUTO or OFF) names; None if there is none."""
    if choice == OFF:
        return None
    folders = (leds / name for name in _NAMES)
    return next((BoardLed(folder) for folder in folders if (folder / "brightness").exists()), None)


def _trigger_of(led: Path) -> str:
    """What the kernel lets the LED show: the word in brackets."""
    words = (led / "trigger").read_text().split()
    return next((word.strip("[]") for word in words if word.startswith("[")), "none")


def _write(file: Path, value: str) -> None:
    file.write_text(value)
