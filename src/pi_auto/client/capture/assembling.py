"""Puts the characters of one scanner together to codes: whole ones come out, or the word that one was lost.

What is typed goes in, with its time (nanoseconds, CLOCK_BOOTTIME). A code is exact or it is lost: where a key
means no character, all of that code is dropped and nothing is guessed. From each code is learned how the scanner
types. Nothing here knows which key ends a code (decoder.py), or how long silence may last (patience.py).
"""

from __future__ import annotations

from pi_auto.client.binding.likeness import is_binding
from pi_auto.client.capture.codes import Calibration, Code, Lost, Outcome
from pi_auto.client.capture.diverting import LOST as SECRET_LOST
from pi_auto.client.capture.keys.calibration import Trace
from pi_auto.client.capture.keys.habits import UNUSUAL, Ending, Habits, Pace
from pi_auto.client.capture.keys.healing import healed
from pi_auto.client.capture.keys.keyboard import Keyboard
from pi_auto.client.capture.keys.layout import US, Layout
from pi_auto.client.capture.unfinished import Unfinished
from pi_auto.client.wifi.likeness import has_begun
from pi_auto.wire.scan import MOST_BYTES

LINE_ENDS = "\r\n"
AT_THE_END = "\r\n\t"  # typed as characters there, they are the ending and no part of the text
SOON = 100_000_000  # after Enter, a Ctrl+J is the rest of CRLF
_PLAINLY = MOST_BYTES - 8  # bytes: up to here any character fits
_TELLING = 3  # characters that tell how fast a code is typed: a stall after them is no gap


class Assembler:
    """The open code of one scanner, and what was learned from those before it."""

    def __init__(self, keyboard: Keyboard, habits: Habits | None, *, calibratable: bool) -> None:
        self._keyboard = keyboard
        self._pace = Pace(habits.ending, habits.gap_ns) if habits else Pace(None, None)
        self._trace = Trace()
        self._calibratable = calibratable
        self._chars: list[str] = []
        self._bytes = 0
        self._missed = 0  # characters of a code that is lost
        self._last_part, self._line_ended = 0, -SOON
        self._next_layout: Layout | None = None
        self._is_plain = False  # whether the next character can simply be added
        self._lost: Lost | None = None  # held back while the calibration code may still come of it
        self._discarding = False  # until the end of a code that is lost already
        self._unfinished = Unfinished()

    @property
    def habits(self) -> Habits:
        """What is known of this scanner by now."""
        layout = self._next_layout or self._keyboard.layout
        return Habits(layout.name, self._pace.ending, self._pace.gap)

    def _is_open(self) -> bool:
        return bool(self._chars) or self._lost is not None or (self._keyboard.is_waiting and not self._discarding)

    def _typed(self, text: str | None, time: int) -> list[Outcome]:
        if self._discarding or self._lost:
            self._missed += 1
            self._pace.type(time, self._missed)  # or what follows slowly would be taken for another code
            return []
        if text is None:
            self._pace.type(time, len(self._chars) + 1)
            return self._lose_at_the_end(self._keyboard.fault, time)
        if not self._chars and text in LINE_ENDS and time - self._line_ended < SOON:
            return []
        if self._bytes > MOST_BYTES - len(text.encode()):
            return self._lose(f"the code is longer than {MOST_BYTES} bytes", time)
        self._append(text, time, UNUSUAL + 1)
        return []

    def _append(self, text: str, time: int, late: int) -> None:
        self._chars.append(text)
        self._bytes += 1 if text < "\x80" else len(text.encode())
        number = len(self._chars)
        if number < 3 or (late > UNUSUAL and not (self._unfinished.is_joined and number > _TELLING)):
            self._pace.type(time, number)
        self._is_plain = self._bytes < _PLAINLY and (not self._calibratable or self._trace.is_over)

    def _end(self, ending: Ending) -> list[Outcome]:
        """What the open code was."""
        outcomes = self._type_the_rest()
        raw = "".join(self._chars)
        if layout := self._calibrated_by(raw):
            outcomes = [Calibration(layout, self._last_part)]
        elif self._lost:
            outcomes = [self._lost]
        elif not self._discarding:
            outcomes += self._codes(raw, ending)
        self._learn(ending, raw)
        if ending is not Ending.SILENCE:
            self._unfinished.ended()
        self._clear()
        self._change_layout()
        return outcomes

    def _type_the_rest(self) -> list[Outcome]:
        """What the keyboard has still held back, such as a dead key: a character, or the loss of the code."""
        if self._discarding or self._lost or not self._keyboard.is_waiting:
            return []
        rest = self._keyboard.finish()
        return self._typed(rest, self._last_part) if rest != "" else []

    def _calibrated_by(self, raw: str) -> str | None:
        """The layout that the open code betrays, if it is the calibration code and that counts."""
        if not self._calibratable or self._discarding:
            return None
        return self._trace.betrayed(self._keyboard.layout.name, raw)

    def _codes(self, raw: str, ending: Ending) -> list[Code]:
        """The codes that were open. Where nothing is known, a Tab before silence tells that Tabs end them."""
        is_told = self._pace.ending is None and ending is Ending.SILENCE and raw.endswith("\t")
        codes = raw.split("\t") if is_told else [raw]
        return [self._code(text, each) for each in codes if (text := each.rstrip(AT_THE_END))]

    def _code(self, text: str, raw: str) -> Code:
        if self._keyboard.layout is US:
            text = healed(text) or text
        return Code(text, raw.encode(), self._last_part)

    def _learn(self, ending: Ending, raw: str) -> None:
        if self._discarding or self._lost or not raw.rstrip(AT_THE_END):
            self._pace.drop()
        elif self._unfinished.is_joined:  # a silence in it is no gap of its typing
            self._pace.ending = ending
            self._pace.drop()
        else:
            is_tab = ending is Ending.SILENCE and raw.endswith("\t")
            self._pace.end(Ending.TAB if is_tab else ending, self._last_part, len(self._chars) - is_tab)

    def _clear(self) -> None:
        self._chars.clear()
        self._trace.clear()
        self._keyboard.forget()
        self._unfinished.over()
        self._bytes, self._lost, self._discarding, self._is_plain = 0, None, False, False

    def _change_layout(self) -> None:
        if self._next_layout:
            self._keyboard.use(self._next_layout)
            self._next_layout = None

    def _lose(self, reason: str, time: int) -> list[Outcome]:
        """Drop what is open, and all that follows up to the end of that code."""
        reason = self._told(reason)
        self._missed = len(self._chars)
        self._clear()
        self._discarding = True  # after _clear, which ends it
        return [Lost(reason, time)]

    def _lose_at_the_end(self, reason: str, time: int) -> list[Outcome]:
        """A key without a character.

        Read by the wrong layout, the calibration code has some: then wait for its end.
        """
        if not self._calibratable:
            outcomes = self._lose(reason, time)
            self._missed += 1
            return outcomes
        self._missed = len(self._chars) + 1
        self._lost, self._is_plain = Lost(self._told(reason), time), False
        return []

    def _told(self, reason: str) -> str:
        """Which key it was tells something of a secret."""
        text = "".join(self._chars)
        return SECRET_LOST if has_begun(text) or is_binding(text) else reason
