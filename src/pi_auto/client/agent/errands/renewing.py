"""Gets the next API token well before the one in use runs out. Tokens that do not run out are left alone."""

from __future__ import annotations

import logging
import time

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errors import ApiError, NotEnrolled
from pi_auto.wire.registration import RegistrationAnswer

log = logging.getLogger("pi_auto.registration")

_SHARE = (0.5, 0.75)  # of its life that a token is used for: the rest is for a network that is away
_OF_UNKNOWN_AGE = 600.0  # seconds until one that was kept over a restart is renewed, at most
_LONGEST_PAUSE = 1800.0
_NEVER = float("inf")


class Renewing:
    """An errand. Times are time.monotonic: the wall clock of a device may stand in 1970."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._pauses = Backoff(office.rng, first=30.0, longest=_LONGEST_PAUSE)
        self._seen: str | None = None
        self._at = _NEVER
        self._is_first = office.standing.given() is not None  # kept over a restart

    def due(self) -> float:
        """Some time in the second half of the token's life."""
        given = self._office.standing.given()
        if given and given.api_token != self._seen:
            self._seen, self._at = given.api_token, self._planned(given)
        return _NEVER if self._office.home.is_unknown else self._at

    def run(self) -> None:
        """Renew it once; what was given besides stays."""
        given = self._office.standing.given()
        if given is None:
            return
        try:
            renewed = self._office.way.renew(self._office.api, given)
        except NotEnrolled as error:
            log.warning("the token is not renewed, so this device enrols again: %s", error)
            self._wait(error)
            self._office.standing.complain("renewing", given)
        except ApiError as error:
            log.warning("the token cannot be renewed now: %s", error)
            self._wait(error)
        else:
            self._pauses.reset()
            self._office.keep(renewed)

    def _planned(self, given: RegistrationAnswer) -> float:
        """When: soon for the first one, which may have been kept over a restart for any time."""
        lasts, rng = given.token_expires_in, self._office.rng
        was_first, self._is_first = self._is_first, False
        if lasts is None:
            return _NEVER
        pause = lasts * rng.uniform(*_SHARE)
        return time.monotonic() + (min(pause, rng.uniform(0.0, _OF_UNKNOWN_AGE)) if was_first else pause)

    def _wait(self, error: ApiError) -> None:
        self._at = time.monotonic() + self._pauses.next(error.retry_after)
