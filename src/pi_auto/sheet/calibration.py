"""What is on the calibration sheet: the code that tells a scanner's keyboard layout, and how to use it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise

from pi_auto.sheet.calibration_text import TEXT
from pi_auto.sheet.code128 import widths
from pi_auto.sheet.drawing import Drawing, Line, Rectangle

FILE_NAME = "calibration-sheet"

_TITLE = "Pi Auto: calibration sheet"
_WORDS = (
    "Scan this code once with a scanner that is new to the device, or that was",
    "armed for it by “pi-auto-client scanners” or on the server: the device",
    "learns from it which keyboard layout the scanner types.",
    "",
    "Where codes arrive as they are printed it is not needed, and what was",
    "learned by it can be undone in the same two places.",
)
_LEFT, _TOP = 25.0, 50.0
_MODULE, _BAR = 0.5, 30.0  # millimetres: wide enough for every scanner and printer
_LINE = 7.0


def calibration_sheet() -> Drawing:
    """The page."""
    words = [Line(_LEFT, 105 + _LINE * number, 4.2, text) for number, text in enumerate(_WORDS) if text]
    code = Line(_LEFT, _TOP + _BAR + 6, 4.2, TEXT)
    return Drawing(_TITLE, tuple(_bars()), (Line(_LEFT, 35, 7, _TITLE), code, *words))


def _bars() -> Iterator[Rectangle]:
    edges = (_LEFT + _MODULE * place for place in accumulate(widths(TEXT), initial=0))
    for number, (left, right) in enumerate(pairwise(edges)):
        if number % 2 == 0:
            yield Rectangle(left, _TOP, right - left, _BAR)
