"""Joins the reports of a HID POS scanner to codes. A code is whole or it is lost.

The kernel keeps 63 reports for a slow reader and drops what comes then without a word, so whoever
reads tells of a possible gap; here it costs the codes on both sides of it. A flag that promises
more, and other identifiers in the middle of a code, tell of the rest. No device and no clock here.
"""

from __future__ import annotations

from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.capture.events import Gap, Octets
from pi_auto.client.capture.guarding import GUARD, OPENED_LATE
from pi_auto.client.capture.hid.pos import PosPart, PosReports, ReportError
from pi_auto.client.capture.octets import as_text
from pi_auto.typed import Any
from pi_auto.wire.scan import MOST_BYTES

REST = 200_000_000  # ns in which the next report of a code must come; they are a few ms apart


class PosDecoder:
    """The reports of one scanner since it was opened at `opened_at` (ns; None: from its very first)."""

    def __init__(self, reports: PosReports, *, opened_at: int | None = None) -> None:
        self._reports = reports
        self._guarded_until = None if opened_at is None else opened_at + GUARD
        self._open: bytearray | None = None
        self._aim: str | None = None
        self._last = 0
        self._discarding = False  # until the end of a code that is lost already

    def feed(self, part: Octets | Gap) -> list[Outcome]:
        """What a report brings to light.

        It has the time at which it was read, by which alone no silence is judged: it may have waited.
        """
        self._last = part.time
        if isinstance(part, Gap):
            return self._lose(part.reason, part.time)
        try:
            read = self._reports.read(part.octets)
        except ReportError as error:
            return self._lose(str(error), part.time, until_end=error.is_continued)
        return self._take(read, part.time) if read else []

    def overdue_at(self) -> int | None:
        """When the open code will be given up, or what is passed over is over; None if nothing is open."""
        return None if self._open is None and not self._discarding else self._last + REST

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is open, and nothing passed over."""
        return self.overdue_at() is None

    def memory(self) -> dict[str, Any]:
        """Nothing must be known to read on: each report says what it is."""
        return {}

    def recall(self, memory: dict[str, Any]) -> None:  # noqa: ARG002 - there is nothing in it
        """Read on from where another process has stopped."""
        self._guarded_until = None

    def guard(self, opened_at: int) -> None:
        """Somebody else has read since then, and may have begun a code."""
        self._guarded_until = opened_at + GUARD

    def close_overdue(self, now: int) -> list[Outcome]:
        """The loss of a code whose rest has not come by `now`."""
        if now - self._last < REST:
            return []
        self._discarding = False
        return self.cut_off(f"the rest of this code did not come within {REST / 1e9:g} s", now)

    def finish(self) -> list[Outcome]:
        """The loss of the open code, if there is one: it is known that no more will come."""
        return self.cut_off("the rest of this code did not come", self._last)

    def cut_off(self, reason: str, time: int) -> list[Outcome]:
        """The loss of the open code, if there is one, when its reports stop coming before its end."""
        if self._open is None:
            return []
        self._open = None
        return [Lost(reason, time)]

    def _take(self, part: PosPart, time: int) -> list[Outcome]:
        outcomes = self._pass_guard(time)
        if self._discarding:
            self._discarding = part.is_continued
            return outcomes
        if self._open is None:
            self._open, self._aim = bytearray(), part.aim
        elif part.aim != self._aim:
            return self._lose(
                "a report of another code came before the rest of this one", time, until_end=part.is_continued
            )
        self._open += part.octets
        if len(self._open) > MOST_BYTES:
            return self._lose(f"the code is longer than {MOST_BYTES} bytes", time, until_end=part.is_continued)
        return [] if part.is_continued else self._end()

    def _pass_guard(self, time: int) -> list[Outcome]:
        guarded_until, self._guarded_until = self._guarded_until, None
        if guarded_until is None or time >= guarded_until:
            return []
        return self._lose(OPENED_LATE, time)

    def _lose(self, reason: str, time: int, *, until_end: bool = True) -> list[Outcome]:
        """Drop what is open, and what follows as far as the end of that code, unless that is reached."""
        self._open = None
        self._discarding = until_end
        return [Lost(reason, time)]

    def _end(self) -> list[Outcome]:
        """The code. CR and LF at its end stay in its bytes, and are no part of its text."""
        raw, self._open = bytes(self._open or b""), None
        text = as_text(raw).removesuffix("\n").removesuffix("\r")
        return [Code(text, raw, self._last, self._aim)] if text else []
