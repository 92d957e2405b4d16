"""How long a code is waited for whose scanner is known to end its codes by a key or a character, and did not.

Silence alone makes no code of it: a part must not be taken for the whole. Nor is it waited for endlessly, since
a scanner may have been set to another ending: so many unfinished stretches in a row are a habit. Pure.
"""

from __future__ import annotations

LONGER_PAUSE = (
    250_000_000  # ns of silence in a code whose end is known by other means: nobody's habit, and a hiccup's
)
LONGEST = 2_000_000_000  # ns that the rest of a code may come late: then it is lost
HABIT = 3  # stretches in a row that no ending has followed


class Unfinished:
    """What has been seen of one scanner since a code of it ended as its codes do."""

    def __init__(self) -> None:
        self._stretches = 0
        self._is_quiet = False
        self.is_joined = False  # the open code has had such a silence in it

    def pause(self, usual: int) -> int:
        """Nanoseconds of silence after which to look again; `usual` until silence has been seen."""
        return max(usual, LONGEST) if self._is_quiet else usual

    def is_habit(self) -> bool:
        """Silence has been seen behind what is open: whether this scanner has come to end its codes by it."""
        if not self._is_quiet:
            self._is_quiet = True
            self._stretches += 1
        return self._stretches >= HABIT

    def is_given_up(self, silence: int) -> bool:
        """Whether nothing more can be waited for, after so many nanoseconds."""
        return silence >= LONGEST

    def go_on(self) -> None:
        """More of the code has come, or the next."""
        self.is_joined |= self._is_quiet
        self._is_quiet = False

    def memory(self) -> int:
        """The stretches that no ending has followed; for when nothing is open."""
        return self._stretches

    def recall(self, stretches: int) -> None:
        """Go on from there."""
        self._stretches = stretches

    def over(self) -> None:
        """Nothing is open any more, whatever has become of it."""
        self._is_quiet = self.is_joined = False

    def ended(self) -> None:
        """A code has ended as its scanner's codes do."""
        self._stretches = 0
        self.over()
