"""What all errands share: the connection, the way to be taken in, and what was given."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.registration import store_registration
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.enrolment.system_info import system_info
from pi_auto.client.agent.enrolment.ways import Way
from pi_auto.client.agent.errors import NotEnrolled
from pi_auto.client.agent.network.home import Home
from pi_auto.client.agent.telling import Telling
from pi_auto.client.settings import Settings
from pi_auto.wire.registration import RegistrationAnswer

log = logging.getLogger("pi_auto.registration")


@dataclass(frozen=True, slots=True)
class Office:
    """For the one worker that runs errands. `giver` is whose word the kept registration is."""

    settings: Settings
    folder: Path
    giver: str
    home: Home
    api: ServerApi
    way: Way
    standing: Standing
    telling: Telling
    rng: Random

    def where(self) -> str:
        """The server, for people. It may not have been found yet."""
        return self.settings.server_url or self.giver

    def ask(self) -> RegistrationAnswer:
        """Everything the server gives this device. Raises ApiError."""
        try:
            given = self.way.ask(self.api, system_info(self.home.endpoint().first_hop))
        except NotEnrolled as error:
            self.telling.enrolment(ok=False, said=str(error), remedy=error.remedy)
            raise
        self.telling.enrolment(ok=True, said=given.message)
        return given

    def keep(self, given: RegistrationAnswer) -> None:
        """From now on this is what the workers work with. It is on the disk before anybody shows it."""
        try:
            store_registration(self.folder, self.giver, given)
        except OSError as error:
            # A full disk costs a registration at the next start, not the deliveries of today.
            log.warning("cannot keep the registration in %s: %s", self.folder, error)
        else:
            self.way.settled()
        self.standing.replace(given, time.monotonic())
