"""Calls the hub by the way whose turn it is, and by another one where that leads nowhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from random import Random

from pi_auto.client.agent.errors import HubUnreached
from pi_auto.client.agent.hub.carriers import Carriers
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.returning import Returning
from pi_auto.client.agent.hub.way import HubWay
from pi_auto.client.endpoint import is_loopback

log = logging.getLogger("pi_auto.delivery.hub")


class Calling:
    """Remembers which way led to the hub; its tokens are good for `token_life` seconds."""

    def __init__(self, returning: Returning, token_life: int, rng: Random, stopped: Callable[[], bool]) -> None:
        self._returning, self._token_life, self._stopped = returning, token_life, stopped
        self._carriers = Carriers(rng)

    def connect(self, ways: tuple[HubWay, ...]) -> HubConnection:
        """A connection by one of the ways into one hub. Raises HubError."""
        by_carrier = {way.carrier: way for way in ways}
        while True:
            self._returning.dials(shared=not is_loopback(ways[0].address))
            way = by_carrier[self._carriers.next(tuple(by_carrier), self._returning.link, time.monotonic())]
            try:
                connection = HubConnection(way, self._token_life)
            except HubUnreached as error:
                if not self._carriers.failed() or self._stopped():
                    raise
                log.info("trying another way to the IoT Hub: %s", error)
            else:
                self._carriers.worked(time.monotonic())
                log.info("connected to the IoT Hub %s at %s", way.credentials.host, way)
                return connection
