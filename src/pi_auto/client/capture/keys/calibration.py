"""The calibration code: a barcode that tells which keyboard a scanner is set to.

Its text is typed with other keys on each layout (calibration_text.py). What was pressed is compared with what
each layout would press, out of a small table, so that no other layout has to be loaded.
"""

from __future__ import annotations

from pi_auto.client.capture.keys.betraying import KEYS
from pi_auto.client.capture.keys.layout import CHARACTER_KEYS, KEYPAD_DIGITS
from pi_auto.sheet.calibration_text import TEXT

_MOST = 64  # keys; a scanner may put a prefix before the code, and an identifier
_LEVEL = 128  # a key is put down as its code + 128 * level


class Trace:
    """The keys of the open code, as far as the calibration code could be among them."""

    def __init__(self) -> None:
        self._keys: list[int | str] = []

    @property
    def is_over(self) -> bool:
        """Whether there are too many keys for the calibration code to be among them."""
        return len(self._keys) > _MOST

    def press(self, code: int, level: int) -> None:
        """A key went down, with Shift (level 1), AltGr (2), both (3) or none."""
        if code in CHARACTER_KEYS and len(self._keys) <= _MOST:
            self._keys.append(code + _LEVEL * level)

    def type(self, text: str) -> None:
        """A character was typed by its number, which is the same on every layout."""
        if len(self._keys) <= _MOST:
            self._keys += text

    def clear(self) -> None:
        """The code has ended."""
        self._keys.clear()

    def betrayed(self, current: str, text: str) -> str | None:
        """The layout that these keys betray, if they are the calibration code.

        `text` is how they read by the layout `current`. Some layouts type it alike; then `current` stays if it is
        one of them, else it is the first.
        """
        if TEXT in text:
            return current
        if not len(TEXT) <= len(self._keys) <= _MOST:
            return None
        names = betrayed(self._keys)
        return names[0] if names else None


def betrayed(keys: list[int | str]) -> tuple[str, ...]:
    """The layouts on which these keys type the calibration code, whatever stands around it; mostly one."""
    return tuple(name for name, row in KEYS.items() if TEXT in _typed(keys, row))


def _typed(keys: list[int | str], row: str) -> str:
    chars = {ord(row[at]): row[at + 1] for at in range(0, len(row), 2)} | KEYPAD_DIGITS
    return "".join(key if isinstance(key, str) else chars.get(key, "\0") for key in keys)
