"""How the device stands with its server: what it was given, and who has a reason to ask for it again.

Workers read it, and complain when what they were given does not work. The registrar asks
the server again: at once for a first complaint, and after growing pauses while the same
worker goes on complaining, so that a server which is wrong about us is not flooded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from pi_auto.client.agent.backoff import Backoff
from pi_auto.wire.registration import RegistrationAnswer


@dataclass(slots=True)
class _Complainer:
    pauses: Backoff
    not_before: float = 0.0
    waiting: bool = False


class Standing:
    """What the server has given; for all threads. Times are time.monotonic, pauses seconds.

    `asked` is called when somebody complains or gets lost, `changed` when the server has given something new.
    """

    def __init__(
        self,
        given: RegistrationAnswer | None,
        rng: Random,
        longest_pause: float,
        *,
        asked: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._lock = threading.Lock()
        self._given = given
        self._asked, self._changed = asked, changed
        self._longest = longest_pause
        self._rng = rng
        self._complainers: dict[str, _Complainer] = {}
        self._lost: dict[str, float] = {}

    def given(self) -> RegistrationAnswer | None:
        """What the server gave last; nothing before the first registration."""
        return self._given

    def replace(self, given: RegistrationAnswer, now: float) -> None:
        """The server has given this; it answers every complaint so far."""
        with self._lock:
            self._given = given
            for complainer in self._complainers.values():
                if complainer.waiting:
                    complainer.waiting = False
                    complainer.not_before = now + complainer.pauses.next()
        self._changed()

    def complain(self, who: str, about: RegistrationAnswer) -> None:
        """`who` cannot work with what was given; moot if something else has been given since."""
        with self._lock:
            if about is not self._given:
                return
            self._complainer(who).waiting = True
        self._asked()

    def lose(self, who: str, now: float) -> None:
        """`who` cannot get through, and cannot tell whether what it was given is still right."""
        with self._lock:
            news = who not in self._lost
            self._lost.setdefault(who, now)
        if news:
            self._asked()

    def lost_since(self) -> float | None:
        """Since when somebody has not got through; nothing while everybody does."""
        with self._lock:
            return min(self._lost.values(), default=None)

    def content(self, who: str) -> None:
        """`who` can work again."""
        with self._lock:
            self._lost.pop(who, None)
            complainer = self._complainers.get(who)
            if complainer:
                complainer.pauses.reset()
                complainer.waiting, complainer.not_before = False, 0.0

    def ask_at(self) -> float | None:
        """From when on the server is to be asked again; nothing while everybody is content."""
        with self._lock:
            waiting = [one.not_before for one in self._complainers.values() if one.waiting]
            return 0.0 if self._given is None else min(waiting, default=None)

    def _complainer(self, who: str) -> _Complainer:
        # The first pause is drawn from 10 s: the second answer to the same complaint may follow soon, not at once.
        return self._complainers.setdefault(
            who, _Complainer(Backoff(self._rng, first=10.0, longest=self._longest))
        )
