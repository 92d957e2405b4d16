"""Key events out of raw keyboard reports, for scanners that type several keys in one report.

The kernel's input events do not show a key twice that one report holds twice: of Alt+0,8,0 at once only 0 and 8
come, and the character is lost. The raw report keeps all three. Reports of the boot protocol go in, the events of
the kernel come out, but with each key of a report pressed and released by itself, in the report's order. Source:
Device Class Definition for HID 1.11, appendix B and C; the key codes are those of Linux's hid-input.
"""

from __future__ import annotations

from pi_auto.client.capture.events import (
    EV_KEY,
    EV_SYN,
    PRESSED,
    RELEASED,
    SYN_DROPPED,
    SYN_REPORT,
    InputEvent,
)

REPORT_BYTES = 8  # the modifiers, a reserved byte, six keys
_MODIFIERS = (29, 42, 56, 125, 97, 54, 100, 126)
_NO_KEYS, _TOO_MANY_KEYS = 0, 1  # usages that are no keys; with the second the keyboard gives up
_FIRST_USAGE = 4
_CODES = (
    30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50, 49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21, 44,
    2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 28, 1, 14, 15, 57, 12, 13, 26, 27, 43, 43, 39, 40, 41, 51, 52, 53, 58,
    59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 87, 88, 99, 70, 119, 110, 102, 104, 111, 107, 109, 106, 105, 108, 103,
    69, 98, 55, 74, 78, 96, 79, 80, 81, 75, 76, 77, 71, 72, 73, 82, 83, 86, 127, 116, 117,
)  # fmt: skip
_FURTHER = {0x85: 121, 0x87: 89, 0x88: 93, 0x89: 124, 0x8A: 92, 0x8B: 94, 0x8C: 95}
_UNKNOWN = 240  # KEY_UNKNOWN


class BootReports:
    """The reports of one keyboard, from the first."""

    def __init__(self) -> None:
        self._modifiers = 0
        self._keys = b""

    def feed(self, report: bytes, time: int) -> list[InputEvent]:
        """The events of a report (ns); one that cannot be used means that keys are missing."""
        if len(report) != REPORT_BYTES or _TOO_MANY_KEYS in report[2:]:
            return [InputEvent(time, EV_SYN, code, 0) for code in (SYN_DROPPED, SYN_REPORT)]
        before, self._keys = self._keys, report[2:].replace(bytes([_NO_KEYS]), b"")
        changed, self._modifiers = self._modifiers ^ report[0], report[0]
        strokes = [(code, report[0] >> bit & 1) for bit, code in enumerate(_MODIFIERS) if changed >> bit & 1]
        strokes += [(_code(usage), RELEASED) for usage in before if usage not in self._keys]
        pressed = [_code(usage) for usage in self._keys if usage not in before]
        for code in pressed[:-1]:
            strokes += [(code, PRESSED), (code, RELEASED)]
        strokes += [(code, PRESSED) for code in pressed[-1:]]
        return [
            *(InputEvent(time, EV_KEY, code, value) for code, value in strokes),
            InputEvent(time, EV_SYN, SYN_REPORT, 0),
        ]


def _code(usage: int) -> int:
    at = usage - _FIRST_USAGE
    return _CODES[at] if 0 <= at < len(_CODES) else _FURTHER.get(usage, _UNKNOWN)
