"""One open node of a scanner: its parts to its decoder, what comes out to its desk. For the reader alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pi_auto.client.capture.codes import Calibration, Code, Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.desk import Desk
from pi_auto.client.capture.diverting import Diverter, SecretCode
from pi_auto.client.capture.events import InputEvent
from pi_auto.client.capture.inbox import Inbox
from pi_auto.client.capture.judge import Judge, Verdict
from pi_auto.client.capture.keys.habits import Habits
from pi_auto.client.capture.learning.facts import NEW_FOR
from pi_auto.client.capture.notices import Calibrated, Observer, Read
from pi_auto.client.capture.sources.opened import OpenedDevice
from pi_auto.client.capture.sources.source import Source
from pi_auto.client.capture.tuning import Tuning
from pi_auto.client.clock import boottime_ns
from pi_auto.typed import Any

_MOST_LOSSES = 64  # held back: of codes ten are enough for a verdict, of keys without a character no number is
_NOTEWORTHY = 1.5  # times wider or narrower a gap has to be to be told


class Feed:
    """A source with its decoder. An unknown keyboard's codes are held back until it is judged.

    `secret` is given codes with secrets, which go nowhere else.
    """

    def __init__(
        self, source: Source, inbox: Inbox, desk: Desk, observer: Observer, secret: Callable[[SecretCode], None]
    ) -> None:
        self.source = source
        self._decoder = source.decoder()
        self._desk, self._inbox, self._observer, self._secret = desk, inbox, observer, secret
        self._diverter = Diverter()
        self.judge = None if source.known else Judge()
        self._held_back: list[Outcome] = []  # until it is known whether a scanner typed them
        self._codes = self._counted = 0  # read since it was opened, or forgotten; and how many of them were told
        self._told = self._habits()

    def pump(self) -> bool:
        """Read what there is; False if more waits already. OSError if the scanner has gone."""
        now = boottime_ns()  # told before reading: what is pressed later cannot have been read
        parts, all_read = self.source.read(now)
        for part in parts:
            self._post(self._decoder.feed(part))
            if self.judge and isinstance(part, InputEvent):
                self.judge.feed(part)
        if all_read:
            self._post(self._decoder.close_overdue(now))
            if self.judge:
                self.judge.quiet(now)
        return all_read

    def verdict(self) -> Verdict | None:
        """What a keyboard has turned out to be, once; a scanner's codes so far are then posted."""
        if self.judge is None or self.judge.verdict is Verdict.OPEN:
            return None
        verdict, self.judge = self.judge.verdict, None
        held_back, self._held_back = self._held_back, []
        if verdict is Verdict.SCANNER:
            self._post(held_back)
        return verdict

    @property
    def is_at_rest(self) -> bool:
        """Whether it stands between two codes, with nothing held back."""
        return self._decoder.is_at_rest and not self._held_back

    def memory(self) -> dict[str, Any]:
        """What must be known to read on from here, at rest: plain data."""
        return {
            "source": self.source.memory() if isinstance(self.source, OpenedDevice) else [],
            "decoder": self._decoder.memory(),
            "diverter": self._diverter.memory(),
            "codes": self._codes,
        }

    def recall(self, memory: dict[str, Any]) -> None:
        """Read on from where another process has stopped."""
        if isinstance(self.source, OpenedDevice):
            self.source.recall(memory["source"])
        self._decoder.recall(memory["decoder"])
        self._diverter.recall(*memory["diverter"])
        self._codes = self._counted = memory["codes"]
        self._told = self._habits()

    def guard(self) -> None:
        """Somebody else has read until now, and may have begun a code."""
        self._decoder.guard(boottime_ns())

    def next_moment(self) -> int | None:
        """When it must be pumped even if nothing comes."""
        moments = self.source.due(), self._decoder.overdue_at(), self.judge.due() if self.judge else None
        return min((moment for moment in moments if moment is not None), default=None)

    def cut_off(self, reason: str) -> None:
        """Report an open code as lost: the rest of it will not come any more."""
        self._post(self._decoder.cut_off(reason, boottime_ns()))

    def retune(self, tuning: Tuning) -> None:
        """Read its keys in another way, from the next code on."""
        if isinstance(self._decoder, Decoder):
            self._decoder.use(tuning.layout)
            if tuning.calibratable and not self._decoder.calibratable:
                self._codes = self._counted = 0
            self._decoder.calibratable = tuning.calibratable

    def _post(self, outcomes: Iterable[Outcome]) -> None:
        if self.judge:
            self._hold_back(outcomes)
            return
        for outcome in outcomes:
            scanned = self._diverter.divert(outcome)
            if isinstance(scanned, SecretCode):
                self._secret(scanned)
            elif draft := self._desk.take(scanned, self.source.path):
                self._inbox.put(draft)
            self._observe(outcome)

    def _hold_back(self, outcomes: Iterable[Outcome]) -> None:
        self._held_back += outcomes
        losses = [each for each in self._held_back if isinstance(each, Lost)]
        for each in losses[:-_MOST_LOSSES]:
            self._held_back.remove(each)

    def _observe(self, outcome: Outcome) -> None:
        """Tell what is to be learned of it."""
        if isinstance(outcome, Calibration):
            self._observer.note(Calibrated(self.source.path, outcome.layout))
        elif isinstance(outcome, Code) and (habits := self._habits()):
            self._codes += 1
            if self._told is None or _differ(self._told, habits):
                self._told = habits
            elif not self._is_to_be_counted():
                return
            self._observer.note(Read(self.source.path, self._told, self._codes - self._counted))
            self._counted = self._codes

    def _is_to_be_counted(self) -> bool:
        """Whether somebody may be counting how long it is new."""
        is_open = isinstance(self._decoder, Decoder) and self._decoder.calibratable
        return self._codes == NEW_FOR or (self._codes < NEW_FOR and is_open)

    def _habits(self) -> Habits | None:
        return self._decoder.habits if isinstance(self._decoder, Decoder) else None


def _differ(told: Habits, now: Habits) -> bool:
    """Whether it is worth a write to the disk."""
    if told.ending != now.ending or (told.gap_ns is None) != (now.gap_ns is None):
        return True
    narrow, wide = sorted((told.gap_ns or 1, now.gap_ns or 1))
    return wide > narrow * _NOTEWORTHY
