"""Who may download now, and how much a day. Pure but for its memory, which is bounded; for any number of threads.

Each download holds one of the server's threads for as long as it lasts, so that they have seats, of which
one device gets few. What a device has fetched is counted in whole archives, and forgotten evenly in the
course of a day: a token that was stolen cannot have the server send all day long. It is counted in
memory: a server that starts anew begins at nothing.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pi_auto.server.api.errors import Crowded

MOST_AT_ONCE = 48  # of the server's threads
MOST_EACH = 2
MOST_A_DAY = 10  # whole archives of one device
DAY = 86_400.0  # seconds
_SMALL = 64 * 1024  # bytes: what is smaller, such as the fleet's authority, is no whole archive
_LOOKED_UP, _IN_LINE = 4, 48  # at once: each takes half a millisecond of a core
_REMEMBERED = 20_000  # devices, some 4 MB
_SOON, _LATE = (1, 5), (5, 15)  # seconds until others come again, not all at one moment: no line, no seat


class Seats:
    """Who downloads just now."""

    def __init__(self, most: int = MOST_AT_ONCE, each: int = MOST_EACH) -> None:
        self._most, self._each = most, each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def are_full(self) -> bool:
        """Whether nobody would get one."""
        return self._taken.total() >= self._most

    def take(self, who: str) -> bool:
        """A seat, if there is one left for them."""
        with self._lock:
            if self.are_full or self._taken[who] >= self._each:
                return False
            self._taken[who] += 1
            return True

    def leave(self, who: str) -> None:
        """Give it back."""
        with self._lock:
            self._taken[who] -= 1
            self._taken += Counter()  # forgets whoever has none


class Quota:
    """How much each has fetched lately, in whole archives, of which `most` a day are theirs."""

    def __init__(self, most: int = MOST_A_DAY, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, who: str) -> float:
        """Seconds until one more archive is theirs; 0 where something is theirs now."""
        with self._lock:
            over = self._level(who) - self._most
        return max(0.0, (over + 1) * DAY / self._most) if over >= 0 else 0.0

    def spend(self, who: str, archives: float) -> None:
        """Count it; what is below nothing gives back what was counted before."""
        with self._lock:
            self._spent[who] = (max(0.0, self._level(who) + archives), self._clock())
            self._spent.move_to_end(who)
            while len(self._spent) > _REMEMBERED:
                self._spent.popitem(last=False)

    def _level(self, who: str) -> float:
        level, at = self._spent.get(who, (0.0, 0.0))
        return max(0.0, level - (self._clock() - at) * self._most / DAY)


@dataclass(frozen=True, slots=True)
class Downloads:
    """Of one server."""

    seats: Seats = field(default_factory=Seats)
    quota: Quota = field(default_factory=Quota)
    _line: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_IN_LINE))
    _desk: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_LOOKED_UP))

    @contextmanager
    def looking_up(self) -> Iterator[None]:
        """While it is looked up who wants what. Raises Crowded.

        When a whole fleet asks at once, some are looked up, some wait for that and the others come again: the
        server's threads, which Python runs in turn, are for whoever else asks something as well.
        """
        if self.seats.are_full:
            raise _come_again(_LATE)
        if not self._line.acquire(blocking=False):
            raise _come_again(_SOON)
        try:
            with self._desk:
                yield
        finally:
            self._line.release()

    def begin(self, who: str, octets: int, size: int, *, counts: bool) -> Callable[[int], None]:
        """Take a seat for so many bytes of an archive of `size`; what is to be told how many were not sent.

        Raises Crowded where there is no seat; where it `counts`, also where their day's share is spent.
        """
        if counts and (wait := self.quota.wait(who)):
            raise Crowded(f"{who} has fetched too much today", retry_after=int(wait) + 1, status=429)
        if not self.seats.take(who):
            raise _come_again(_LATE)
        if counts:
            self.quota.spend(who, octets / max(size, _SMALL))

        def end(unsent: int) -> None:
            self.seats.leave(who)
            if counts:
                self.quota.spend(who, -unsent / max(size, _SMALL))

        return end


def _come_again(within: tuple[int, int]) -> Crowded:
    soon = random.randint(*within)  # noqa: S311 - nobody is to guess nothing
    return Crowded("this device, or many others, are downloading already", retry_after=soon)
