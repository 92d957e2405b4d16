"""Turn text into the key events that a US-layout scanner sends for it.

Text goes in, reports come out: a report is what the scanner sends at once, a list of
(type, code, value) that ends with SYN_REPORT. No clock and no device here.
"""

from __future__ import annotations

from collections.abc import Iterator

from pi_auto.client.capture.events import (
    EV_KEY,
    EV_SYN,
    KEY_ENTER,
    KEY_LEFTSHIFT,
    PRESSED,
    RELEASED,
    SYN_REPORT,
)
from pi_auto.client.capture.layout_us import KEYS

Event = tuple[int, int, int]
Report = list[Event]


def _key_of_each_char() -> dict[str, tuple[int, bool]]:
    """Which key makes a character, and whether Shift is held; the main block wins over the keypad."""
    found: dict[str, tuple[int, bool]] = {}
    for code, (plain, shifted) in KEYS.items():
        found.setdefault(plain, (code, False))
        found.setdefault(shifted, (code, True))
    return found


_KEY_OF = _key_of_each_char()


def untypeable(text: str) -> str:
    """The characters of a text that no key of the US layout makes."""
    return "".join(char for char in text if char not in _KEY_OF)


def reports_for(text: str, *, suffix: int | None = KEY_ENTER) -> Iterator[Report]:
    """The reports of a whole code: two for each character, Shift where it is needed, then the suffix key."""
    for char in text:
        code, shifted = _KEY_OF[char]
        yield from _stroke(code, shifted)
    if suffix is not None:
        yield from _stroke(suffix, shifted=False)


def _stroke(code: int, shifted: bool) -> Iterator[Report]:
    shift = [KEY_LEFTSHIFT] if shifted else []
    yield [*(_key(each, PRESSED) for each in (*shift, code)), _SYN]
    yield [*(_key(each, RELEASED) for each in (code, *shift)), _SYN]


_SYN: Event = (EV_SYN, SYN_REPORT, 0)


def _key(code: int, value: int) -> Event:
    return (EV_KEY, code, value)
