"""Asks the server to take this device in: at first, and whenever a worker complains of what was given."""

from __future__ import annotations

import logging
import time

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errors import ApiError, NotEnrolled
from pi_auto.client.agent.telling import REGISTRAR

log = logging.getLogger("pi_auto.registration")

_NEVER = float("inf")


class Registering:
    """An errand."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._longest = float(office.settings.registration_retry_interval)
        self._pauses = Backoff(office.rng, longest=self._longest)
        self._not_before = 0.0
        self._bidden = False  # whether the pause is one that the server has asked for
        self._said = ""  # last: who waits for a person for days is not to fill the log

    def due(self) -> float:
        """Now if nothing was given, or somebody complains; never before the pause is over."""
        asked = self._office.standing.ask_at()
        return _NEVER if asked is None or self._office.home.is_unknown else max(asked, self._not_before)

    def network_changed(self) -> None:
        """Ask at once: what failed on the former way says nothing. A pause that the server bade still holds.

        Any thread may call it.
        """
        self._pauses.reset()
        if not self._bidden:
            self._not_before = 0.0

    def run(self) -> None:
        """Ask once."""
        office = self._office
        try:
            given = office.ask()
        except ApiError as error:
            self._failed(error)
            return
        self._pauses.reset()
        self._said = ""
        office.telling.reached(REGISTRAR)
        office.keep(given)
        log.info("registered as %s with %s: %s", given.device_id, office.where(), given.message)

    def _failed(self, error: ApiError) -> None:
        pause, self._bidden = self._pause(error), error.retry_after > 0
        self._not_before = time.monotonic() + pause
        is_news, self._said = str(error) != self._said, str(error)
        level = logging.WARNING if is_news or not isinstance(error, NotEnrolled) else logging.DEBUG
        log.log(level, "cannot register with %s, next try in %.0f s: %s", self._office.where(), pause, error)
        self._office.telling.failed(REGISTRAR, f"cannot register: {error}")

    def _pause(self, error: ApiError) -> float:
        """Who waits for a person asks at an even pace, and never less often than at other troubles."""
        rest = self._pauses.next(error.retry_after)
        if isinstance(error, NotEnrolled) and error.retry_after:
            return min(error.retry_after, self._longest) * self._office.rng.uniform(1.0, 1.5)
        return rest
