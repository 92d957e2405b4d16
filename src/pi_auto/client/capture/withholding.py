"""Keeps codes with secrets out of recordings: holds back the reports of a code until it is known what it is. Pure.

Reports of a keyboard go in with their times; those that may be written come out, in order.
"""

from __future__ import annotations

from collections.abc import Iterable

from pi_auto.client.capture.codes import Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.diverting import LOST, REST, Diverter, SecretCode
from pi_auto.client.capture.events import EV_SYN, SYN_REPORT, InputEvent


class Withholder:
    """Of one recording; times are those of the device."""

    def __init__(self) -> None:
        self._decoder, self._diverter = Decoder(), Diverter()
        self._report: list[InputEvent] = []
        self._held: list[InputEvent] = []
        self._last = 0
        self.left_out = 0

    def feed(self, event: InputEvent) -> list[InputEvent]:
        """What may be written now: whole reports."""
        self._report.append(event)
        self._last = event.time
        released = self._judge(self._decoder.feed(event))
        if (event.type, event.code) == (EV_SYN, SYN_REPORT):
            self._held += self._report
            self._report.clear()
            if not self.is_holding and not self._diverter.expects_rest(event.time):
                released += self._release()
        return released

    @property
    def is_holding(self) -> bool:
        """Whether silence is to be looked at."""
        return self._decoder.overdue_at() is not None

    def quiet(self, now: int) -> list[InputEvent]:
        """What may be written after silence up to `now`."""
        released = self._judge(self._decoder.close_overdue(now))
        return released if self.is_holding or self._diverter.expects_rest(now) else released + self._release()

    def finish(self) -> list[InputEvent]:
        """What may be written at the end."""
        released = self._judge(self._decoder.finish())
        return released if self._diverter.expects_rest(self._last) else released + self._release()

    def _judge(self, outcomes: Iterable[Outcome]) -> list[InputEvent]:
        released: list[InputEvent] = []
        for outcome in outcomes:
            told = self._diverter.divert(outcome)
            if isinstance(told, SecretCode) or (isinstance(told, Lost) and told.reason in (LOST, REST)):
                self._held.clear()
                self.left_out += 1
            else:
                released += self._release()
        return released

    def _release(self) -> list[InputEvent]:
        released, self._held = self._held, []
        return released
