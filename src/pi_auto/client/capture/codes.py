"""What decoding brings to light: a code that was read whole, or the word that one was lost."""

from __future__ import annotations

from pi_auto.frozen import frozen


@frozen
class Code:
    """A code that was read whole. `time` is that of its last part (ns, CLOCK_BOOTTIME).

    `raw` is every byte the scanner sent; what a keyboard types is read by its layout and put down as UTF-8.
    `aim` is the AIM identifier if it came beside the data, as HID POS scanners send it; one that stands in front
    of the text is left there.
    """

    text: str
    raw: bytes
    time: int
    aim: str | None = None


@frozen
class Lost:
    """A code that was dropped, and why. `time` is when that was noticed."""

    reason: str
    time: int


@frozen
class Calibration:
    """The calibration code was read: the keyboard layout that the scanner is set to. It is no scan."""

    layout: str
    time: int


Outcome = Code | Lost | Calibration
