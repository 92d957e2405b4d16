"""Decide when a run of keys is a finished code, and which.

Keys of one scanner go in with the time they were pressed (nanoseconds, CLOCK_BOOTTIME);
finished codes come out, or the word that one was lost. Nothing here reads a device or a
clock. A code is exact or it is lost: where a key is missing or means no character, all of
that code is dropped and nothing is guessed. What the keys type stands in keys/, this only joins it to codes.
"""

from __future__ import annotations

from pi_auto.client.binding.likeness import is_binding
from pi_auto.client.capture.codes import Calibration, Code, Lost, Outcome
from pi_auto.client.capture.diverting import LOST as SECRET_LOST
from pi_auto.client.capture.events import (
    EV_KEY,
    EV_SYN,
    KEY_ENTER,
    KEY_KPENTER,
    KEY_LINEFEED,
    KEY_TAB,
    PRESSED,
    RELEASED,
    SYN_DROPPED,
    SYN_REPORT,
    InputEvent,
)
from pi_auto.client.capture.guarding import GUARD, OPENED_LATE
from pi_auto.client.capture.keys.calibration import Trace
from pi_auto.client.capture.keys.habits import UNUSUAL, Ending, Habits, Pace
from pi_auto.client.capture.keys.healing import healed
from pi_auto.client.capture.keys.keyboard import RELEASES, Keyboard
from pi_auto.client.capture.keys.layout import CODES, US, Layout
from pi_auto.client.capture.unfinished import Unfinished
from pi_auto.client.wifi.likeness import has_begun
from pi_auto.wire.scan import MOST_BYTES

_ENDINGS = {
    KEY_ENTER: Ending.LINE,
    KEY_KPENTER: Ending.LINE,
    KEY_LINEFEED: Ending.LINE,
    KEY_TAB: Ending.TAB,
}
_LINE_ENDS = "\r\n"
_AT_THE_END = "\r\n\t"  # typed as characters there, they are the ending and no part of the text
_PLAINLY = MOST_BYTES - 8  # bytes: up to here any character fits
_NO_END = "{} which ends this scanner's codes, has not come: some of it may be missing"
_KEYS = {Ending.LINE: "Enter,", Ending.TAB: "Tab,"}
_TELLING = (
    3  # characters by whose gaps it is known how fast the code is typed: a stall after them is none of these
)
_SOON = 100_000_000  # after Enter, a Ctrl+J is the rest of CRLF


class Decoder:
    """The keys of one scanner since it was opened.

    `layout` is the keyboard it is set to, `habits` what was learned of it before. `opened_at` is when it was
    opened: a first key within 150 ms of it cannot be told from the middle of a code, and its code is lost. None
    says that the first key surely begins a code, as in a recording. `held` are the keys that were down then,
    `caps` says whether Caps Lock was on. With `calibratable` the calibration code is told as what it is; else it
    is a scan.
    """

    def __init__(
        self,
        layout: Layout = US,
        habits: Habits | None = None,
        *,
        opened_at: int | None = None,
        held: frozenset[int] = frozenset(),
        caps: bool = False,
        calibratable: bool = False,
    ) -> None:
        self._keyboard = Keyboard(layout, held, caps=caps)
        self._pace = Pace(habits.ending, habits.gap_ns) if habits else Pace(None, None)
        self._guarded_until = None if opened_at is None else opened_at + GUARD
        self._trace = Trace()
        self._calibratable = calibratable
        self._chars: list[str] = []
        self._bytes = 0
        self._missed = 0  # characters of a code that is lost
        self._last_part, self._line_ended = 0, -_SOON
        self._next_layout: Layout | None = None
        self._is_plain = False  # whether the next character can simply be added
        self._lost: Lost | None = None  # held back while the calibration code may still come of it
        self._discarding = False  # until the end of a code that is lost already
        self._unfinished = Unfinished()
        self._deaf = False  # from SYN_DROPPED to SYN_REPORT: what lies between is not whole

    @property
    def habits(self) -> Habits:
        """What is known of this scanner by now."""
        layout = self._next_layout or self._keyboard.layout
        return Habits(layout.name, self._pace.ending, self._pace.gap)

    @property
    def calibratable(self) -> bool:
        """Whether the calibration code is told as what it is.

        To be switched between two codes, or it counts from the next.
        """
        return self._calibratable

    @calibratable.setter
    def calibratable(self, value: bool) -> None:
        self._calibratable, self._is_plain = value, False

    def use(self, layout: Layout) -> None:
        """Read by another layout from the next code on: none is read by two."""
        self._next_layout = layout
        if not (self._is_open() or self._discarding):
            self._change_layout()

    def feed(self, event: InputEvent) -> list[Outcome]:
        """What an event brings to light, in order; mostly nothing."""
        time, kind, code, value = event
        if kind == EV_KEY:
            if self._deaf:
                return []
            if value == PRESSED:
                return self._press(code, time)
            return self._release(code, time) if value == RELEASED and code in RELEASES else []
        return self._synchronise(code, time) if kind == EV_SYN else []

    def overdue_at(self) -> int | None:
        """When silence will have ended the open code; None if none is open."""
        return self._last_part + self._unfinished.pause(self._pace.pause) if self._is_open() else None

    def close_overdue(self, now: int) -> list[Outcome]:
        """The code that silence has ended by `now`, or the loss of one that was waited for, if there is one.

        Scanners without a suffix key end a code by going quiet; of others it may be a part. `now` must not be
        later than the moment up to which all events were fed, or a code whose keys wait to be read is cut in two.
        """
        silence = now - self._last_part
        if silence < self._pace.pause or not (self._is_open() or self._discarding):
            return []
        if not self._lacks_its_ending():
            return self._end(Ending.SILENCE)
        if self._unfinished.is_habit():
            return self._believe_silence()
        return self._give_up() if self._unfinished.is_given_up(silence) else []

    def finish(self) -> list[Outcome]:
        """The open code, or its loss, if there is one, when it is known that no more keys will come."""
        if not self._is_open():
            return []
        return self._give_up() if self._lacks_its_ending() else self._end(Ending.SILENCE)

    def cut_off(self, reason: str, time: int) -> list[Outcome]:
        """The loss of the open code, if there is one, when its keys stop coming before its end."""
        return self._lose(reason, time) if self._is_open() else []

    def _change_layout(self) -> None:
        if self._next_layout:
            self._keyboard.use(self._next_layout)
            self._next_layout = None

    def _lacks_its_ending(self) -> bool:
        """Whether a code is open of a scanner that is known to end them by a key, and has not.

        A line end or a Tab that was typed as a character there is an ending as well.
        """
        if self._pace.ending not in _KEYS or self._discarding or self._lost:
            return False
        return not (self._chars and self._chars[-1] in _AT_THE_END)

    def _believe_silence(self) -> list[Outcome]:
        """It ends its codes by none now. What is open is a code, unless it came with silence in it."""
        if self._unfinished.is_joined:
            outcomes = self._give_up()
            self._pace.ending = None
            self._pace.drop()
        else:
            outcomes = self._end(Ending.SILENCE)
        self._unfinished.ended()
        return outcomes

    def _give_up(self) -> list[Outcome]:
        reason = _NO_END.format(_KEYS[self._pace.ending] if self._pace.ending else "")
        reason = self._told(reason)
        self._pace.drop()
        self._clear()
        self._change_layout()
        return [Lost(reason, self._last_part)]

    def _is_open(self) -> bool:
        return bool(self._chars) or self._lost is not None or (self._keyboard.is_waiting and not self._discarding)

    def _press(self, code: int, time: int) -> list[Outcome]:
        late = time - self._last_part
        if late >= self._pace.pause or self._guarded_until is not None:
            outcomes = self.close_overdue(time) + self._pass_guard(time)
            self._unfinished.go_on()
        else:
            outcomes = []
        self._last_part = time
        if code < CODES and (text := self._keyboard.at_once[code]) and self._is_plain:
            self._append(text, time, late)  # what mostly happens, and all that a fast scanner leaves time for
            return outcomes
        return outcomes + self._press_special(code, time)

    def _press_special(self, code: int, time: int) -> list[Outcome]:
        if code in _ENDINGS and not self._keyboard.takes(code):
            return self._end_by(_ENDINGS[code], time)
        text = self._keyboard.press(code)
        if self._calibratable and not self._keyboard.is_numbering:
            self._trace.press(code, self._keyboard.level)
        return self._typed(text, time) if text != "" else []

    def _release(self, code: int, time: int) -> list[Outcome]:
        outcomes = self.close_overdue(time) if self._keyboard.is_waiting else []
        text = self._keyboard.release(code)
        if text == "":
            return outcomes
        self._unfinished.go_on()
        self._last_part = time
        if self._calibratable and text:
            self._trace.type(text[-1])  # of a dead key before it, the accent comes first
        return outcomes + self._typed(text, time)

    def _typed(self, text: str | None, time: int) -> list[Outcome]:
        if self._discarding or self._lost:
            self._missed += 1
            self._pace.type(time, self._missed)  # or what follows slowly would be taken for another code
            return []
        if text is None:
            self._pace.type(time, len(self._chars) + 1)
            return self._lose_at_the_end(self._keyboard.fault, time)
        if not self._chars and text in _LINE_ENDS and time - self._line_ended < _SOON:
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

    def _end_by(self, ending: Ending, time: int) -> list[Outcome]:
        """A key that ends codes.

        Tab is data where this scanner is known to end them by Enter: its code goes on.
        """
        if ending is Ending.TAB and self._pace.ending is Ending.LINE:
            text = self._keyboard.finish()
            outcomes = self._typed(text, time) if text != "" else []
            return outcomes + self._typed("\t", time) if self._chars else outcomes
        if ending is Ending.LINE:
            self._line_ended = time
        return self._end(ending)

    def _end(self, ending: Ending) -> list[Outcome]:
        """What the open code was."""
        lost, discarding = self._lost, self._discarding
        if not discarding and not lost and self._keyboard.is_waiting and (rest := self._keyboard.finish()) != "":
            outcomes = self._typed(rest, self._last_part)
            lost, discarding = self._lost, self._discarding
        else:
            outcomes = []
        raw = "".join(self._chars)
        if (
            self._calibratable
            and not discarding
            and (layout := self._trace.betrayed(self._keyboard.layout.name, raw))
        ):
            outcomes = [Calibration(layout, self._last_part)]
        elif lost:
            outcomes = [lost]
        elif not discarding and (text := raw.rstrip(_AT_THE_END)):
            outcomes.append(self._code(text, raw))
        self._learn(ending, raw)
        if ending is not Ending.SILENCE:
            self._unfinished.ended()
        self._clear()
        self._change_layout()
        return outcomes

    def _code(self, text: str, raw: str) -> Code:
        if self._keyboard.layout is US:
            text = healed(text) or text
        return Code(text, raw.encode(), self._last_part)

    def _learn(self, ending: Ending, raw: str) -> None:
        if self._discarding or self._lost or not raw.rstrip(_AT_THE_END):
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

    def _pass_guard(self, time: int) -> list[Outcome]:
        guarded_until, self._guarded_until = self._guarded_until, None
        if guarded_until is None or time >= guarded_until:
            return []
        return self._lose(OPENED_LATE, time)

    def _synchronise(self, code: int, time: int) -> list[Outcome]:
        if code == SYN_DROPPED:
            self._deaf = True
            return self._lose_once(time)
        if code == SYN_REPORT and self._deaf:
            self._deaf = False
            self._keyboard.lose_track()  # the release of a held key may be among what was dropped
            # Where SYN_DROPPED stood alone, as after EVIOCSCLOCKID, this report may be the first of a later code.
            return self.close_overdue(time) + self._lose_once(time)
        return []

    def _lose_once(self, time: int) -> list[Outcome]:
        self._last_part = time
        reason = "the kernel dropped keys (SYN_DROPPED): they came faster than they were read"
        outcomes = [] if self._discarding else self._lose(reason, time)
        self._pace.drop()  # a queue runs over by keys that come fast
        return outcomes

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

    def _lose(self, reason: str, time: int) -> list[Outcome]:
        """Drop what is open, and all that follows up to the end of that code."""
        reason = self._told(reason)
        self._missed = len(self._chars)
        self._clear()
        self._discarding = True  # after _clear, which ends it
        return [Lost(reason, time)]

    def _told(self, reason: str) -> str:
        """Which key it was tells something of a secret."""
        text = "".join(self._chars)
        return SECRET_LOST if has_begun(text) or is_binding(text) else reason
