"""A keyboard wedge: how a scanner set to some country's keyboard types a text.

Text goes in, reports come out: a report is what the scanner sends at once, a list of
(type, code, value) that ends with SYN_REPORT. What the layout lacks is typed by its number, as scanners do.
No clock and no device here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache

from pi_auto.client.capture.events import (
    EV_KEY,
    EV_SYN,
    KEY_ENTER,
    KEY_LEFTALT,
    KEY_LEFTCTRL,
    KEY_LEFTSHIFT,
    KEY_RIGHTALT,
    PRESSED,
    RELEASED,
    SYN_REPORT,
    InputEvent,
)
from pi_auto.client.capture.keys.control import control_character
from pi_auto.client.capture.keys.layout import EVERYWHERE, KEYPAD_DIGITS, US, Layout
from pi_auto.client.capture.keys.positions import POSITIONS

Event = tuple[int, int, int]
Report = list[Event]
Stroke = tuple[int, ...]  # the modifiers, then the key

_SPACE, _U_OF_US = 57, 22
_LEVELS = ((0, ()), (1, (KEY_LEFTSHIFT,)), (4, (KEY_RIGHTALT,)), (5, (KEY_LEFTSHIFT, KEY_RIGHTALT)))
_KEYPAD = {digit: code for code, digit in KEYPAD_DIGITS.items()}


class Numbers(Enum):
    """How a character without a key is typed."""

    ALT = "Alt and four digits of the ANSI code page"
    ALT_OEM = "Alt and three digits of the OEM code page"
    HEX = "Ctrl+Shift+U and hexadecimal digits"


@dataclass(frozen=True)
class Wedge:
    """How a scanner is set up.

    `only_numbers` is what makers call ALT mode; `gap` is ns from one character to the next.
    """

    layout: Layout = US
    numbers: Numbers = Numbers.ALT
    suffix: tuple[int, ...] = (KEY_ENTER,)
    gap: int = 2_000_000
    only_numbers: bool = False
    ctrl: bool = True  # control characters by Ctrl, where a key makes them
    altgr: Stroke = (KEY_RIGHTALT,)  # what is held for AltGr; on Windows Ctrl and Alt do as well

    def reports(self, text: str) -> Iterator[Report]:
        """The reports of a whole code, its ending included."""
        for char in text:
            yield from self.character(char)
        for code in self.suffix:
            yield from stroke((code,))

    def events(self, text: str, at: int) -> list[InputEvent]:
        """The events of a whole code, its first key pressed at `at` (ns)."""
        events = []
        for char in (*text, None):
            reports = (
                [*self.character(char)] if char else [each for code in self.suffix for each in stroke((code,))]
            )
            step = self.gap // max(len(reports), 1)
            events += [InputEvent(at + n * step, *event) for n, report in enumerate(reports) for event in report]
            at += self.gap
        return events

    def character(self, char: str) -> Iterator[Report]:
        """The reports of one character."""
        strokes = () if self.only_numbers else _strokes(self.layout).get(char, ())
        if not strokes and self.ctrl and not self.only_numbers:
            strokes = _controls(self.layout).get(char, ())
        for each in strokes:
            yield from stroke(
                tuple(key for one in each for key in (self.altgr if one == KEY_RIGHTALT else (one,)))
            )
        if not strokes:
            yield from self._by_number(char)

    def _by_number(self, char: str) -> Iterator[Report]:
        page, width = (self.layout.oem, 3) if self.numbers is Numbers.ALT_OEM else (self.layout.ansi, 4)
        number = ord(char) if char < "\x80" else page.find(char) + 128
        if self.numbers is Numbers.HEX or number < 0 or (number == 127 and char != "\x7f"):
            yield from _hexadecimal(char, self.layout)
        else:
            yield from alt(f"{number:0{width}}")


def alt(digits: str) -> Iterator[Report]:
    """Alt held while digits are typed on the keypad."""
    yield [_key(KEY_LEFTALT, PRESSED), _SYN]
    for digit in digits:
        yield from stroke((_KEYPAD[digit],))
    yield [_key(KEY_LEFTALT, RELEASED), _SYN]


def stroke(keys: Stroke) -> Iterator[Report]:
    """Keys pressed together, and let go."""
    yield [*(_key(each, PRESSED) for each in keys), _SYN]
    yield [*(_key(each, RELEASED) for each in reversed(keys)), _SYN]


def _hexadecimal(char: str, layout: Layout) -> Iterator[Report]:
    u = _strokes(layout)["u"][0][-1] if layout.is_latin else _U_OF_US
    yield from stroke((KEY_LEFTCTRL, KEY_LEFTSHIFT, u))
    for digit in f"{ord(char):x}":
        yield from stroke((_strokes(layout).get(digit) or _strokes(US)[digit])[0])
    yield from stroke((_SPACE,))


@cache
def _strokes(layout: Layout) -> dict[str, tuple[Stroke, ...]]:
    """How each character is typed: with a key of the main block, else of the keypad, else after a dead key."""
    found: dict[str, tuple[Stroke, ...]] = {}
    for codes in (POSITIONS, EVERYWHERE):
        for level, modifiers in _LEVELS:
            for code in codes:
                found.setdefault(layout.levels[level][code], ((*modifiers, code),))
    found.pop("", None)
    for letter, dead in [(composed, pair) for pair, composed in layout.composed.items()]:
        if dead[1] in found and dead[0] in found:
            found.setdefault(letter, found[dead[0]] + found[dead[1]])
    for dead_key, accent in layout.accents.items():
        found.setdefault(accent, (*found[dead_key], (_SPACE,)))
    return {char: strokes for char, strokes in found.items() if char not in layout.accents}


@cache
def _controls(layout: Layout) -> dict[str, tuple[Stroke, ...]]:
    found: dict[str, tuple[Stroke, ...]] = {}
    for code in POSITIONS:
        found.setdefault(control_character(code, layout), ((KEY_LEFTCTRL, code),))
    return found


_SYN: Event = (EV_SYN, SYN_REPORT, 0)


def _key(code: int, value: int) -> Event:
    return (EV_KEY, code, value)
