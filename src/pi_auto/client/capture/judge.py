"""Decide from its rhythm whether an unknown keyboard is a scanner or a person's.

Key events of one keyboard go in with their times; a verdict comes out as soon as there is
one. A scanner types a whole code faster than any person: at least six characters, at most
60 ms apart on average, and none late; or ten shorter codes in a row that are as fast. Whatever
else is a person, so that nobody's typing is ever sent. Silence behind a scanner's code is its
end, as many scanners press no key for it. No device and no clock here, and no more memory
however long it takes.
"""

from __future__ import annotations

from enum import StrEnum

from pi_auto.client.capture.events import (
    EV_KEY,
    KEY_CAPSLOCK,
    KEY_F12,
    KEY_LEFTALT,
    KEY_LEFTCTRL,
    KEY_LEFTSHIFT,
    KEY_NUMLOCK,
    KEY_RIGHTALT,
    KEY_RIGHTCTRL,
    KEY_RIGHTSHIFT,
    PRESSED,
    InputEvent,
)
from pi_auto.client.capture.keys.layout import CHARACTER_KEYS

FEWEST = 6  # characters: fewer may be a stumble over the keys
SHORTER = 10  # codes of fewer in a row: nobody stumbles so often without a key alone, or one that is slow
AVERAGE = 60_000_000  # nanoseconds between two characters; 200 words a minute, beyond a person's long burst
LONGEST = 150_000_000  # a pause within a code: scanners hiccup, people think
_PERSON_KEYS = frozenset((1, 14, *range(59, 69), 87, *range(102, 112)))  # Esc, Backspace, F keys, cursor block
_CHARACTERS = CHARACTER_KEYS | {KEY_F12}  # the GS of GS1 codes, as some scanners type it
_SILENT = frozenset((
    KEY_LEFTSHIFT, KEY_RIGHTSHIFT, KEY_CAPSLOCK, KEY_NUMLOCK,
    KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTCTRL, KEY_RIGHTCTRL,  # scanners type numbers and control characters by them
))  # fmt: skip
_HELD = 2  # the kernel's auto-repeat: somebody keeps a finger on a key


class Verdict(StrEnum):
    """What a keyboard has turned out to be."""

    OPEN = "open"
    SCANNER = "scanner"
    PERSON = "person"


class Judge:
    """Watches one keyboard from the moment it was opened."""

    def __init__(self) -> None:
        self.verdict = Verdict.OPEN
        self._first = self._last = 0  # presses of the run that goes on
        self._count = 0
        self._shorter = 0  # runs so far that were too short to tell

    def feed(self, event: InputEvent) -> Verdict:
        """The verdict after one more event; once it is not open it stays."""
        if self.verdict is Verdict.OPEN and event.type == EV_KEY:
            self.verdict = self._weigh(event)
        return self.verdict

    def due(self) -> int | None:
        """When silence will have shown that a scanner has typed; None while a person may have."""
        return self._last + LONGEST + 1 if self._count >= FEWEST and self._is_fast() else None

    def quiet(self, now: int) -> Verdict:
        """The verdict after silence up to `now`; of a person silence tells nothing."""
        if self.verdict is Verdict.OPEN and (due := self.due()) is not None and now >= due:
            self.verdict = self._end()
        return self.verdict

    def _weigh(self, event: InputEvent) -> Verdict:
        if event.value == _HELD or (event.value == PRESSED and event.code in _PERSON_KEYS):
            return Verdict.PERSON
        if event.value != PRESSED or event.code in _SILENT:
            return Verdict.OPEN
        if event.code in _CHARACTERS:
            return self._press(event.time)
        return self._end()

    def _press(self, time: int) -> Verdict:
        """One more character; a late one is a person's, or begins the next code of a scanner without suffix."""
        late = bool(self._count) and time - self._last > LONGEST
        verdict = self._end() if late else Verdict.OPEN
        if not self._count:
            self._first = time
        self._last = time
        self._count += 1
        return verdict

    def _end(self) -> Verdict:
        """What the run of keys that is over was."""
        count, is_fast = self._count, self._is_fast()
        self._count = 0
        if not count:
            return Verdict.OPEN
        if count == 1 or not is_fast:
            return Verdict.PERSON  # no code is one character long, and none that slow
        self._shorter += count < FEWEST
        return Verdict.SCANNER if count >= FEWEST or self._shorter >= SHORTER else Verdict.OPEN

    def _is_fast(self) -> bool:
        return self._last - self._first <= AVERAGE * (self._count - 1)
