"""What each lamp, and the buzzer, shows for each signal, and when. Pure: time goes in, light comes out.

A passing signal is shown once, after what is being shown. A lasting one goes on until the signal
that ends it: trouble until all is well, "sent" until there is something to send again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from enum import StrEnum

from pi_auto.frozen import frozen

BOARD = "board"  # the lamp every board has; the others hang on its header
STORED, SENT, LOST, TROUBLE, BUZZER = "stored", "sent", "lost", "trouble", "buzzer"
_MOST_WAITING = 3  # who scans faster sees fewer


class Signal(StrEnum):
    """What there is to be told."""

    STORED = "stored"  # and on the disk: after the commit, never before
    SENT = "sent"  # all that was stored, and the server has acknowledged it
    LOST = "lost"
    TRYING = "trying"  # a Wi-Fi or a fleet that was scanned; again and again until it is known what came of it
    REFUSED = "refused"  # not tried, or the fleet said no; to look at as a loss, but nothing is stored of it
    JOINED = "joined"  # the server was reached through that Wi-Fi, or that fleet is this device's
    TROUBLE = "trouble"  # nothing can be stored, until WELL
    WELL = "well"
    END = "end"


PASSING = frozenset(
    (Signal.STORED, Signal.LOST, Signal.TRYING, Signal.REFUSED, Signal.JOINED)
)  # those that may be left out when there are too many
Beats = tuple[float, ...]  # seconds of light and of darkness, in turn


@frozen
class Score:
    """How one lamp shows the signals that it shows."""

    passing: Mapping[Signal, Beats]
    lasting: Mapping[Signal, Beats]
    itself: Beats = ()  # shown while somebody looks for the device, in the place of what lasts


SCORES: Mapping[str, Score] = {
    BOARD: Score(
        {
            Signal.STORED: (0.08, 0.08),
            Signal.SENT: (0, 0.2, 0.5, 0.1),
            Signal.LOST: (0.15, 0.15, 0.15, 0.15, 0.15, 0.4),
            Signal.TRYING: (0.05, 0.25) * 4,
            Signal.REFUSED: (0.15, 0.15, 0.15, 0.15, 0.15, 0.4),
            Signal.JOINED: (1.5, 0.2, 0.08, 0.4),
        },
        {Signal.TROUBLE: (0.5, 0.5)},
        itself=(0.1, 0.1),
    ),
    STORED: Score({Signal.STORED: (0.25, 0.1), Signal.JOINED: (1.5, 0.2, 0.25, 0.4)}, {}),
    SENT: Score({}, {Signal.SENT: (math.inf,)}),
    LOST: Score(
        {
            Signal.LOST: (0.3, 0.2, 0.3, 0.2, 0.3, 0.2),
            Signal.REFUSED: (0.3, 0.2, 0.3, 0.2, 0.3, 0.2),
        },
        {},
    ),
    TROUBLE: Score({}, {Signal.TROUBLE: (0.5, 0.5)}),
    # A person hears it all day: one short beep is enough, and none for what was sent.
    BUZZER: Score(
        {
            Signal.STORED: (0.06, 0.06),
            Signal.LOST: (0.25, 0.15, 0.25, 0.15, 0.25, 0.4),
            Signal.REFUSED: (0.25, 0.15, 0.25, 0.15, 0.25, 0.4),
            Signal.JOINED: (0.5, 0.1, 0.06, 0.2),
        },
        {Signal.TROUBLE: (0.8, 4.2)},
        itself=(0.1, 0.9),
    ),
}
LOOKED_FOR = frozenset(role for role, score in SCORES.items() if score.itself)  # who show which device it is
_ENDED_BY: Mapping[Signal, frozenset[Signal]] = {
    Signal.TROUBLE: frozenset((Signal.WELL,)),
    Signal.SENT: frozenset((Signal.STORED, Signal.LOST, Signal.TROUBLE)),
}


class Track:
    """One lamp, in time. Times are seconds of any clock that never steps."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self._waiting: deque[Beats] = deque()
        self._lasting: Signal | None = None
        self._playing: deque[tuple[bool, float]] = deque()  # lit, and until when
        self._wanted_until = -math.inf

    def take(self, signal: Signal) -> None:
        """Something has happened."""
        if self._lasting and signal in _ENDED_BY[self._lasting]:
            self._lasting = None
            self._playing.clear()
        if signal in self._score.lasting:
            self._lasting = signal
        elif signal in self._score.passing and len(self._waiting) < _MOST_WAITING:
            self._waiting.append(self._score.passing[signal])

    def show_itself(self, until: float) -> None:
        """Somebody looks for the device; what passes is shown all the same."""
        self._wanted_until = until

    def at(self, now: float) -> tuple[bool, float]:
        """Whether it is lit now, and until when that stays so by itself."""
        while self._playing and self._playing[0][1] <= now:
            self._playing.popleft()
        if not self._playing:
            self._begin(now)
        return self._playing[0] if self._playing else (False, math.inf)

    def _begin(self, now: float) -> None:
        beats = self._waiting.popleft() if self._waiting else self._lasting_beats(now)
        for place, seconds in enumerate(beats):
            now += seconds
            if seconds:
                self._playing.append((place % 2 == 0, now))

    def _lasting_beats(self, now: float) -> Beats:
        if now < self._wanted_until and self._score.itself:
            return self._score.itself
        return self._score.lasting[self._lasting] if self._lasting else ()


class Panel:
    """All lamps of some roles, in time."""

    def __init__(self, roles: Iterable[str]) -> None:
        self._tracks = {role: Track(SCORES[role]) for role in roles}

    def take(self, signal: Signal) -> None:
        """Something has happened."""
        for track in self._tracks.values():
            track.take(signal)

    def show_itself(self, until: float) -> None:
        """Somebody looks for the device."""
        for track in self._tracks.values():
            track.show_itself(until)

    def at(self, now: float) -> tuple[frozenset[str], float]:
        """Which are lit now, and until when that stays so by itself."""
        states = {role: track.at(now) for role, track in self._tracks.items()}
        lit = frozenset(role for role, (is_lit, _) in states.items() if is_lit)
        return lit, min((until for _, until in states.values()), default=math.inf)
