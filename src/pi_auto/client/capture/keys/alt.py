"""Characters typed as on Windows: Alt held, their number on the keypad, Alt released.

Three digits name a character of the OEM code page, four and a leading 0 one of the ANSI code page (Windows-1252
and its sisters), and a greater number one of Unicode. Below 128 all agree, control characters included: Alt+029
and Alt+0029 are the GS of GS1 codes. Source: Microsoft's keyboard input model; WM_CHAR of rich edit controls.

The kernel does not show a key twice that one report holds twice: of Alt+0,8,0 in one report only 0 and 8
come. What may hide a digit so is refused rather than guessed.
"""

from __future__ import annotations

from pi_auto.client.capture.keys.layout import KEYPAD_DIGITS, Layout

_MOST_DIGITS = 8
_NO_CHARACTER = "\ufffd"


class AltCode:
    """The digits since Alt was pressed."""

    def __init__(self) -> None:
        self.digits = ""
        self._down = 0  # the digit key that was pressed last, while it is down
        self._is_chord = False

    def press(self, code: int) -> None:
        """One more digit of the keypad."""
        self._is_chord = self._is_chord or bool(self._down)
        self._down = code
        if len(self.digits) <= _MOST_DIGITS:
            self.digits += KEYPAD_DIGITS[code]

    def release(self, code: int) -> None:
        """A key is up: the next digit is not of the same report."""
        if code == self._down:
            self._down = 0

    def finish(self, layout: Layout) -> str | None:
        """The character, now that Alt is up; None if the digits name none for certain."""
        digits, is_chord = self.digits, self._is_chord
        self.clear()
        number = int(digits)
        if _may_hide_a_digit(digits, number, is_chord=is_chord):
            return None
        return _character(digits, number, layout)

    def clear(self) -> None:
        """Forget the digits."""
        self.digits, self._is_chord, self._down = "", False, 0


def _may_hide_a_digit(digits: str, number: int, *, is_chord: bool) -> bool:
    """Whether another number than this may have been typed.

    Two digits are safe from 32 on: what has lost a digit either had a leading 0 and means the same, or lies below.
    """
    if len(digits) < 3:
        return len(digits) < 2 or number < 32 or digits[0] == "0"
    return is_chord and len(digits) == 3 and number < 30  # 012 may be 0112; a greater one has no room for a fourth


def _character(digits: str, number: int, layout: Layout) -> str | None:
    if number < 128:
        return chr(number)
    if number < 256:
        char = (layout.ansi if digits[0] == "0" else layout.oem)[number - 128]
        return None if char == _NO_CHARACTER else char
    if len(digits) < 4 or 0xD800 <= number <= 0xDFFF or number > 0x10FFFF:
        return None
    return chr(number)
