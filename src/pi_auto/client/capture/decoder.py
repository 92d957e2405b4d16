"""Decide when a run of keys is a finished code, and which.

Keys of one scanner go in with the time they were pressed (nanoseconds, CLOCK_BOOTTIME);
finished codes come out, or the word that one was lost. Nothing here reads a device or a
clock. A code is exact or it is lost: where a key is missing or means no character, all of
that code is dropped and nothing is guessed.
"""

from __future__ import annotations

from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.capture.events import (
    EV_KEY,
    EV_SYN,
    KEY_CAPSLOCK,
    KEY_ENTER,
    KEY_KPENTER,
    KEY_LEFTALT,
    KEY_LEFTCTRL,
    KEY_LEFTMETA,
    KEY_LEFTSHIFT,
    KEY_LINEFEED,
    KEY_NUMLOCK,
    KEY_RIGHTALT,
    KEY_RIGHTCTRL,
    KEY_RIGHTMETA,
    KEY_RIGHTSHIFT,
    KEY_SCROLLLOCK,
    KEY_TAB,
    PRESSED,
    RELEASED,
    SYN_DROPPED,
    SYN_REPORT,
    InputEvent,
)
from pi_auto.client.capture.layout_us import character
from pi_auto.wire.scan import MOST_BYTES

PAUSE = 100_000_000  # of silence ends a code: covers every scanner sold with its factory settings
LONGER_PAUSE = 250_000_000  # where codes are known to end by a key: a hiccup must not cut one in two
GUARD = 150_000_000  # after opening: a key this soon may belong to a code whose beginning was missed

_SUFFIXES = frozenset((KEY_ENTER, KEY_KPENTER, KEY_TAB, KEY_LINEFEED))
_SHIFT = frozenset((KEY_LEFTSHIFT, KEY_RIGHTSHIFT))
_CTRL = frozenset((KEY_LEFTCTRL, KEY_RIGHTCTRL))
_OTHER = frozenset((KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTMETA, KEY_RIGHTMETA))
_MODIFIERS = _SHIFT | _CTRL | _OTHER
_LOCKS = frozenset((KEY_NUMLOCK, KEY_SCROLLLOCK))  # change no character here


class Decoder:
    """The keys of one scanner since it was opened.

    `opened_at` is when that was: a first key within 150 ms of it cannot be told from the middle of a
    code, and its code is lost. None says that the first key surely begins a code, as in a recording.
    `held` are the keys that were down then.
    """

    def __init__(self, *, opened_at: int | None = None, held: frozenset[int] = frozenset()) -> None:
        self._guarded_until = None if opened_at is None else opened_at + GUARD
        self._pause = PAUSE
        self._held = set(held & _MODIFIERS)
        self._caps = False
        self._chars: list[str] = []
        self._last_press = 0
        self._discarding = False  # until the end of a code that is lost already
        self._deaf = False  # from SYN_DROPPED to SYN_REPORT: what lies between is not whole

    def feed(self, event: InputEvent) -> list[Outcome]:
        """What an event brings to light, in order; mostly nothing."""
        if event.type == EV_SYN:
            return self._synchronise(event)
        if event.type != EV_KEY or self._deaf:
            return []
        if event.value == RELEASED:
            self._held.discard(event.code)
        return self._press(event.code, event.time) if event.value == PRESSED else []

    def overdue_at(self) -> int | None:
        """When silence will have ended the open code; None if none is open."""
        return self._last_press + self._pause if self._chars else None

    def close_overdue(self, now: int) -> list[Outcome]:
        """The code that silence has ended by `now`, if there is one.

        Scanners without a suffix key end a code by going quiet. `now` must not be later than the
        moment up to which all events were fed, or a code whose keys wait to be read is cut in two.
        """
        if not self._is_silent(now):
            return []
        self._pause = PAUSE  # this scanner ends codes without a key, or does so again
        return self._end()

    def finish(self) -> list[Outcome]:
        """The open code, if there is one, when it is known that no more keys will come."""
        return self._end()

    def cut_off(self, reason: str, time: int) -> list[Outcome]:
        """The loss of the open code, if there is one, when its keys stop coming before its end."""
        return self._lose(reason, time) if self._chars else []

    def _synchronise(self, event: InputEvent) -> list[Outcome]:
        if event.code == SYN_DROPPED:
            self._deaf = True
            return self._lose_once(event.time)
        if event.code == SYN_REPORT and self._deaf:
            self._deaf = False
            self._held.clear()  # the release of a held key may be among what was dropped
            self._caps = False
            # Where SYN_DROPPED stood alone, as after EVIOCSCLOCKID, this report may be the first of a later code.
            return self.close_overdue(event.time) + self._lose_once(event.time)
        return []

    def _lose_once(self, time: int) -> list[Outcome]:
        self._last_press = time
        reason = "the kernel dropped keys (SYN_DROPPED): they came faster than they were read"
        return [] if self._discarding else self._lose(reason, time)

    def _press(self, code: int, time: int) -> list[Outcome]:
        outcomes = self.close_overdue(time)
        self._last_press = time
        outcomes += self._pass_guard(time)
        if code in _SUFFIXES:
            self._pause = LONGER_PAUSE
            outcomes += self._end()
        elif code in _MODIFIERS:
            self._held.add(code)
        elif code == KEY_CAPSLOCK:
            self._caps = not self._caps
        elif code not in _LOCKS and not self._discarding:
            outcomes += self._add(code, time)
        return outcomes

    def _is_silent(self, now: int) -> bool:
        return (bool(self._chars) or self._discarding) and now - self._last_press >= self._pause

    def _pass_guard(self, time: int) -> list[Outcome]:
        guarded_until, self._guarded_until = self._guarded_until, None
        if guarded_until is None or time >= guarded_until:
            return []
        return self._lose("the scanner was opened in the middle of this code, or just before it", time)

    def _add(self, code: int, time: int) -> list[Outcome]:
        char = None if self._held & _OTHER else self._character(code)
        if char is None:
            with_held = f" with Alt or Meta ({sorted(self._held & _OTHER)})" if self._held & _OTHER else ""
            return self._lose(f"key {code}{with_held} has no character on a US keyboard", time)
        if len(self._chars) == MOST_BYTES:
            return self._lose(f"the code is longer than {MOST_BYTES} bytes", time)
        self._chars.append(char)
        return []

    def _character(self, code: int) -> str | None:
        shift, ctrl = bool(self._held & _SHIFT), bool(self._held & _CTRL)
        return character(code, shift=shift, caps=self._caps, ctrl=ctrl)

    def _lose(self, reason: str, time: int) -> list[Outcome]:
        """Drop what is open, and all that follows up to the end of that code."""
        self._chars.clear()
        self._discarding = True
        return [Lost(reason, time)]

    def _end(self) -> list[Outcome]:
        text = "".join(self._chars)
        self._chars.clear()
        self._discarding = False
        return [Code(text, text.encode(), self._last_press)] if text else []
