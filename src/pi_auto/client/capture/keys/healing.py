"""Digits that a scanner set to a French, Belgian or Czech keyboard types, read as a US keyboard: mended.

Those keyboards type digits with Shift, so that 4006381333931 reads `$))^#*!###(#!`. A real code of nothing but
these signs does not occur: from six on with three different ones, or with a check digit that holds, they are
digits.
"""

from __future__ import annotations

_SHIFTED = ")!@#$%^&*("
_DIGIT_OF = str.maketrans(_SHIFTED, "0123456789")
_SIGNS = frozenset(_SHIFTED)
_FEWEST, _FEWEST_DIFFERENT = 6, 3
_GTIN_LENGTHS = frozenset((8, 12, 13, 14))


def healed(text: str) -> str | None:
    """The digits that were meant; None if the text is not wholly made of them, or may be one by chance."""
    if text[0] not in _SIGNS or not _SIGNS.issuperset(text):
        return None
    digits = text.translate(_DIGIT_OF)
    if len(digits) >= _FEWEST and len(set(digits)) >= _FEWEST_DIFFERENT:
        return digits
    return digits if len(digits) in _GTIN_LENGTHS and _check_digit_holds(digits) else None


def _check_digit_holds(digits: str) -> bool:
    """Whether the last digit is the check digit of a GTIN. Source: GS1 General Specifications, 7.9."""
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))) % 10 == 0
