"""Decide when a run of keys is a finished code, and which.

Keys of one scanner go in with the time they were pressed (nanoseconds, CLOCK_BOOTTIME);
finished codes come out, or the word that one was lost. Nothing here reads a device or a
clock. What the keys type stands in keys/, how it is put together in assembling.py, how long
the rest of a code is waited for in patience.py. Where a key is missing all of its code is lost.
"""

from __future__ import annotations

from pi_auto.client.capture.codes import Outcome
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
from pi_auto.client.capture.keys.habits import Ending, Habits
from pi_auto.client.capture.keys.keyboard import RELEASES, Keyboard
from pi_auto.client.capture.keys.layout import CODES, US, Layout
from pi_auto.client.capture.patience import PatientAssembler
from pi_auto.typed import Any

_ENDINGS = {
    KEY_ENTER: Ending.LINE,
    KEY_KPENTER: Ending.LINE,
    KEY_LINEFEED: Ending.LINE,
    KEY_TAB: Ending.TAB,
}


class Decoder(PatientAssembler):
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
        super().__init__(Keyboard(layout, held, caps=caps), habits, calibratable=calibratable)
        self._guarded_until = None if opened_at is None else opened_at + GUARD
        self._deaf = False  # from SYN_DROPPED to SYN_REPORT: what lies between is not whole

    @property
    def calibratable(self) -> bool:
        """Whether the calibration code is told as what it is.

        To be switched between two codes, or it counts from the next.
        """
        return self._calibratable

    @calibratable.setter
    def calibratable(self, value: bool) -> None:
        self._calibratable, self._is_plain = value, False

    @property
    def is_at_rest(self) -> bool:
        """See PatientAssembler."""
        return super().is_at_rest and not self._deaf

    def recall(self, memory: dict[str, Any]) -> None:
        """See PatientAssembler. Nothing before it has gone by unread."""
        super().recall(memory)
        self._guarded_until = None

    def guard(self, opened_at: int) -> None:
        """Somebody else has read since then, and may have begun a code."""
        self._guarded_until = opened_at + GUARD

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

    def _end_by(self, ending: Ending, time: int) -> list[Outcome]:
        """A key that ends codes.

        Tab is data until this scanner is known to end them by it, which silence behind a Tab tells.
        """
        if ending is Ending.TAB and self._pace.ending is not Ending.TAB:
            text = self._keyboard.finish()
            outcomes = self._typed(text, time) if text != "" else []
            return outcomes + self._typed("\t", time) if self._chars else outcomes
        if ending is Ending.LINE:
            self._line_ended = time
        return self._end(ending)

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
