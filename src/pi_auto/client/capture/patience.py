"""Waits for the rest of a code: silence ends it, or the loss of it, by what is known of its scanner.

Times are nanoseconds of CLOCK_BOOTTIME, and handed in. How long is waited stands in keys/habits.py and in
unfinished.py.
"""

from __future__ import annotations

from pi_auto.client.capture.assembling import AT_THE_END, Assembler
from pi_auto.client.capture.codes import Lost, Outcome
from pi_auto.client.capture.keys.habits import Ending, Pace
from pi_auto.typed import Any

_NO_END = "{} which ends this scanner's codes, has not come: some of it may be missing"
_KEYS = {Ending.LINE: "Enter,", Ending.TAB: "Tab,"}


class PatientAssembler(Assembler):
    """One that is asked what has become of its open code while nothing comes."""

    def overdue_at(self) -> int | None:
        """When silence will have ended the open code; None if none is open."""
        return self._last_part + self._unfinished.pause(self._pace.pause) if self._is_open() else None

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is open, and nothing passed over: between two codes."""
        return not (self._is_open() or self._discarding)

    def memory(self) -> dict[str, Any]:
        """What must be known of this scanner to read on from here, at rest: plain data."""
        return {
            "keyboard": self._keyboard.memory(),
            "pace": [self._pace.ending, self._pace.gap],
            "times": [self._last_part, self._line_ended],
            "unfinished": self._unfinished.memory(),
        }

    def recall(self, memory: dict[str, Any]) -> None:
        """Read on from where another process has stopped."""
        self._keyboard.recall(*memory["keyboard"])
        ending, gap = memory["pace"]
        self._pace = Pace(Ending(ending) if ending else None, gap)
        self._last_part, self._line_ended = memory["times"]
        self._unfinished.recall(memory["unfinished"])

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

    def _lacks_its_ending(self) -> bool:
        """Whether a code is open of a scanner that is known to end them by a key, and has not.

        A line end or a Tab that was typed as a character there is an ending as well.
        """
        if self._pace.ending not in _KEYS or self._discarding or self._lost:
            return False
        return not (self._chars and self._chars[-1] in AT_THE_END)

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
