"""Characters typed as on Linux: Ctrl+Shift+U, the number in hexadecimal, then Space or Enter.

Where the digits are typed while Ctrl and Shift are held, their release ends the number as well.
Source: IBus and GTK, "Unicode input"; ISO 14755.
"""

from __future__ import annotations

_MOST_DIGITS = 8
_DIGITS = frozenset("0123456789abcdef")


class HexCode:
    """The number since Ctrl+Shift+U."""

    def __init__(self) -> None:
        self.is_open = False
        self.digits = ""
        self.is_held = False  # whether Ctrl and Shift were down while the digits came

    def begin(self) -> None:
        """Ctrl+Shift+U was pressed."""
        self.clear()
        self.is_open = True

    def press(self, *meanings: str, is_held: bool) -> bool:
        """One more key, which may mean one of these characters; False if it is no digit, or one too many."""
        digit = next((char for meaning in meanings if (char := meaning.lower()) in _DIGITS), "")
        self.digits += digit
        self.is_held = is_held
        return bool(digit) and len(self.digits) <= _MOST_DIGITS

    def finish(self) -> str | None:
        """The character; None if there is none of that number."""
        digits = self.digits
        self.clear()
        number = int(digits, 16) if digits else 0
        if not digits or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            return None
        return chr(number)

    def clear(self) -> None:
        """Forget the number."""
        self.is_open, self.digits, self.is_held = False, "", False
