"""Asks the server where the hub is, when the hub has been out of reach for long."""

from __future__ import annotations

import logging
import time

from pi_auto.client.agent.enrolment.search import Search
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errors import ApiError

log = logging.getLogger("pi_auto.registration")


class HubSearch:
    """An errand."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._search = Search(office.rng)

    def due(self) -> float:
        """Seldom, while somebody is lost."""
        return self._search.due(self._office.standing.lost_since())

    def run(self) -> None:
        """Ask. The same answer as before disturbs nobody."""
        office = self._office
        self._search.asked(time.monotonic())
        try:
            given = office.ask()
        except ApiError as error:
            log.warning("the IoT Hub is out of reach, and where it is cannot be asked: %s", error)
            office.telling.failed("search", str(error))
            return
        office.telling.reached("search")
        log.info("the IoT Hub is out of reach; %s was asked where it is", office.where())
        office.keep(given)
