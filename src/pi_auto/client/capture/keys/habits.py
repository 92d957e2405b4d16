"""What is learned of one scanner: how it ends its codes, and how far apart it types its characters.

The times of characters and the endings of codes go in; how long a silence ends a code comes out (nanoseconds).
Nothing here reads a clock. `Habits` outlive the process: whoever keeps them hands them in at the next start.
"""

from __future__ import annotations

from enum import StrEnum

from pi_auto.frozen import frozen

PAUSE = 100_000_000  # of silence ends a code: covers every scanner sold with its factory settings
LONGER_PAUSE = 250_000_000  # where codes may end by a key, as far as is known: a hiccup must not cut one in two
LONGEST_PAUSE = 1_500_000_000  # scanners can be set to gaps of 990 ms
LONE_PAUSE = 1_000_000_000  # after a first character alone: a slow scanner's code must not fall to pieces
FACTOR = 5  # times the gap that the scanner has shown
UNUSUAL = PAUSE // FACTOR  # a wider gap makes the pause longer than its least
_FORGETTING = 8  # codes, about, until a gap that has become shorter is believed


class Ending(StrEnum):
    """How a scanner ends its codes."""

    LINE = "line"  # Enter, keypad Enter or Line Feed
    TAB = "tab"
    SILENCE = "silence"


@frozen
class Habits:
    """What is known of a scanner. `gap_ns` lies between two of its characters; None: not seen yet."""

    layout: str = "us"
    ending: Ending | None = None
    gap_ns: int | None = None


class Pace:
    """Learns while codes are read. `pause` is the silence that ends the code that is open now."""

    def __init__(self, ending: Ending | None, gap: int | None) -> None:
        self.ending, self.gap = ending, gap
        self._first = 0
        self._fragments = 0  # codes of one character, ended by silence, in a row
        self.pause = self._pause_for(gap or 0)

    def type(self, time: int, number: int) -> None:
        """The character of that number in the open code.

        To be told of the first two, and of what came UNUSUAL late.
        """
        if number == 1:
            self._first = time
            self.pause = LONE_PAUSE if self.gap is None else self._pause_for(self.gap)
        else:
            self.pause = self._pause_for(max(self.gap or 0, (time - self._first) // (number - 1)))

    def end(self, ending: Ending, time: int, characters: int) -> None:
        """The open code has ended so: `time` is that of the ending key, or of the last character.

        Learn from it.
        """
        self.ending = ending
        self._learn_gap(time - self._first, characters - (ending is Ending.SILENCE))
        self.drop()

    def drop(self) -> None:
        """The open code is not to be learned from: something of it is missing."""
        self.pause = self._pause_for(self.gap or 0)

    def _learn_gap(self, duration: int, gaps: int) -> None:
        if gaps < 1:
            self._fragments += 1
            if self._fragments > 1:
                self.gap = None  # it types more slowly than was learned: its codes fall to pieces
            return
        self._fragments = 0
        gap = duration // gaps  # the mean: a hiccup is no habit
        known = self.gap or 0
        self.gap = max(gap, known - (known - gap) // _FORGETTING)

    def _pause_for(self, gap: int) -> int:
        least = PAUSE if self.ending is Ending.SILENCE else LONGER_PAUSE
        return min(max(FACTOR * gap, least), LONGEST_PAUSE)
