"""Asks for an update every update interval, and at once when somebody wants it."""

from __future__ import annotations

import logging
import time

from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errors import ApiError, Refused, Unauthorized
from pi_auto.client.agent.update.check import offered_version, outcome
from pi_auto.wire.registration import RegistrationAnswer

log = logging.getLogger("pi_auto.update")

_FIRST_CHECK = 60.0  # seconds: spread, since power comes back for a whole site at once


class Updating:
    """An errand."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._at = time.monotonic() + office.rng.uniform(0.0, min(_FIRST_CHECK, self._interval()))

    def due(self) -> float:
        """When it is next asked for."""
        return self._at

    def hurry(self) -> None:
        """Somebody wants it now."""
        self._at = time.monotonic()

    def run(self) -> None:
        """Ask once."""
        self._at = time.monotonic() + self._interval() * self._office.rng.uniform(0.9, 1.1)
        given = self._office.standing.given()
        if given is None:
            return
        try:
            version = offered_version(self._office.api, given.device_id, given.api_token)
        except ApiError as error:
            self._not_told(error, given)
        else:
            self._office.standing.content("update")
            self._office.telling.reached("update")
            self._tell(version)

    def _not_told(self, error: ApiError, given: RegistrationAnswer) -> None:
        telling = self._office.telling
        log.warning("cannot ask for an update: %s", error)
        telling.update(ok=False, said=f"cannot ask for an update: {error}")
        if isinstance(error, Refused):  # which is an answer as well
            telling.reached("update")
        else:
            telling.failed("update", str(error))
        if isinstance(error, Unauthorized):
            self._office.standing.complain("update", given)

    def _tell(self, version: str | None) -> None:
        said = outcome(version)
        log.log(logging.WARNING if version else logging.INFO, "%s", said)
        self._office.telling.update(ok=True, said=said, version=version)

    def _interval(self) -> float:
        given = self._office.standing.given()
        return float(self._office.settings.update_interval or (given.update_interval if given else 3600))
