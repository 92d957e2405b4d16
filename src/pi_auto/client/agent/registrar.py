"""Runs the errands between device and server that are not deliveries: registering, finding the hub, updates.

One worker with a connection of its own. It never gives up: whatever the server answers,
it asks again later.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from random import Random

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.enrolment.identity import Identity
from pi_auto.client.agent.enrolment.registration import register, store_registration
from pi_auto.client.agent.enrolment.search import Search
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.enrolment.system_info import system_info
from pi_auto.client.agent.errors import ApiError, Refused, Unauthorized
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.update.check import offered_version, outcome
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.settings import Settings
from pi_auto.wire.registration import RegistrationAnswer

log = logging.getLogger("pi_auto.registration")
update_log = logging.getLogger("pi_auto.update")

_FIRST_CHECK = 60.0  # seconds: spread, since power comes back for a whole site at once
_NEVER = float("inf")


class Registrar:
    """Keeps `standing` filled, and asks for updates every update interval."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        identity: Identity,
        standing: Standing,
        wakeups: Wakeups,
        rng: Random,
        telling: Telling,
    ) -> None:
        self._settings, self._folder, self._identity = settings, folder, identity
        self._standing, self._wakeups, self._rng, self._telling = standing, wakeups, rng, telling
        self._endpoint = settings.endpoint()
        self._api = ServerApi(self._endpoint)
        self._pauses = Backoff(rng, longest=float(settings.registration_retry_interval))
        self._search = Search(rng)
        self._register_not_before = 0.0
        self._check_at = time.monotonic() + rng.uniform(0.0, min(_FIRST_CHECK, self._interval()))

    def run(self) -> None:
        """Work until stopped."""
        while not self._wakeups.stopped:
            now = time.monotonic()
            if now >= self._register_at():
                self._register()
            elif now >= self._search_at():
                self._search_hub()
            elif now >= self._check_at:
                self._check_for_update()
            else:
                due = min(self._register_at(), self._search_at(), self._check_at)
                self._wait(min(due - now, self._interval()))
        self._api.close()

    def _wait(self, seconds: float) -> None:
        if Reason.UPDATE in self._wakeups.sleep(seconds, Reason.STANDING | Reason.UPDATE):
            self._check_at = time.monotonic()

    def _register_at(self) -> float:
        asked = self._standing.ask_at()
        return _NEVER if asked is None else max(asked, self._register_not_before)

    def _search_at(self) -> float:
        return self._search.due(self._standing.lost_since())

    def _search_hub(self) -> None:
        """Ask where the hub is now. The same answer as before disturbs nobody."""
        self._search.asked(time.monotonic())
        try:
            given = self._ask()
        except ApiError as error:
            log.warning("the IoT Hub is out of reach, and where it is cannot be asked: %s", error)
            self._telling.failed("search", str(error))
            return
        self._telling.reached("search")
        log.info("the IoT Hub is out of reach; %s was asked where it is", self._settings.server_url)
        self._store(given)

    def _ask(self) -> RegistrationAnswer:
        return register(self._api, self._identity, system_info(self._endpoint.first_hop))

    def _register(self) -> None:
        try:
            given = self._ask()
        except ApiError as error:
            pause = self._pauses.next(error.retry_after)
            self._register_not_before = time.monotonic() + pause
            log.warning("cannot register with %s, next try in %.0f s: %s", self._settings.server_url, pause, error)
            self._telling.failed("registrar", f"cannot register: {error}")
            return
        self._pauses.reset()
        self._telling.reached("registrar")
        self._store(given)
        log.info("registered as %s with %s: %s", given.device_id, self._settings.server_url, given.message)

    def _store(self, given: RegistrationAnswer) -> None:
        try:
            store_registration(self._folder, self._settings.server_url, given)
        except OSError as error:
            # A full disk costs a registration at the next start, not the deliveries of today.
            log.warning("cannot keep the registration in %s: %s", self._folder, error)
        self._standing.replace(given, time.monotonic())

    def _check_for_update(self) -> None:
        self._check_at = time.monotonic() + self._interval() * self._rng.uniform(0.9, 1.1)
        given = self._standing.given()
        if given is None:
            return
        try:
            version = offered_version(self._api, self._identity.device_id, given.api_token)
        except ApiError as error:
            self._not_told(error, given)
        else:
            self._standing.content("update")
            self._telling.reached("update")
            self._tell(version)

    def _not_told(self, error: ApiError, given: RegistrationAnswer) -> None:
        update_log.warning("cannot ask for an update: %s", error)
        self._telling.update(ok=False, said=f"cannot ask for an update: {error}")
        if isinstance(error, Refused):  # which is an answer as well
            self._telling.reached("update")
        else:
            self._telling.failed("update", str(error))
        if isinstance(error, Unauthorized):
            self._standing.complain("update", given)

    def _tell(self, version: str | None) -> None:
        said = outcome(version)
        update_log.log(logging.WARNING if version else logging.INFO, "%s", said)
        self._telling.update(ok=True, said=said, version=version)

    def _interval(self) -> float:
        given = self._standing.given()
        return float(self._settings.update_interval or (given.update_interval if given else 3600))
