"""Has the fleet sign the time: at the start and once a day, so that no boot begins further back than that."""

from __future__ import annotations

import logging
import time
from functools import partial

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.timekeeping.fleet_clock import FleetClock
from pi_auto.client.clock import clock_synced

log = logging.getLogger("pi_auto.times")

_DAY = 86400.0  # seconds
_LEISURE = (
    600.0  # seconds within which a device asks whose clock is set: power comes back for a whole site at once
)
_LONGEST_PAUSE = 3600.0
_NEVER = float("inf")


class Timing:
    """An errand. Times are time.monotonic."""

    def __init__(self, office: Office, clock: FleetClock) -> None:
        self._home, self._api, self._rng, self._clock = office.home, office.api, office.rng, clock
        self._pauses = Backoff(office.rng, first=10.0, longest=_LONGEST_PAUSE)
        self._at = time.monotonic() + (office.rng.uniform(0.0, _LEISURE) if clock_synced() else 0.0)

    def due(self) -> float:
        """When to ask next; never before the server is found."""
        return _NEVER if self._home.is_unknown else self._at

    def run(self) -> None:
        """Ask once."""
        try:
            self._clock.ask(partial(_post, self._api), self._home.endpoint().name)
        except ApiError as error:
            self._at = time.monotonic() + self._pauses.next(error.retry_after)
            log.warning("the fleet does not tell the time: %s", error)
        else:
            self._pauses.reset()
            self._at = time.monotonic() + _DAY * self._rng.uniform(0.9, 1.0)


def _post(api: ServerApi, question: dict[str, str]) -> object:
    return api.post("/api/fleet_proof", question)
