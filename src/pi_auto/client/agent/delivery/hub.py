"""The worker that keeps the link to the hub: one session after the other, from the mark on each time.

It has its own place in the spool and its own patience; the API's troubles never reach it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from random import Random

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.errors import HubError, HubRejected
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.pulse import Pulse
from pi_auto.client.agent.hub.session import HubSession, Limits
from pi_auto.client.agent.hub.way import HubWay, way_into
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.settings import Settings
from pi_auto.wire.heartbeat import Heartbeat
from pi_auto.wire.registration import RegistrationAnswer

log = logging.getLogger("pi_auto.delivery.hub")

_WHO = "hub"
_ASK_AGAIN = 3600.0  # seconds: how often a device without a hub asks whether it has one now


class HubDelivery:
    """Delivers along `lane`, as `device_id`, for as long as `wakeups` does not stop it."""

    def __init__(
        self,
        settings: Settings,
        device_id: str,
        lane: Lane,
        standing: Standing,
        wakeups: Wakeups,
        rng: Random,
        heartbeat: Callable[[], Heartbeat],
        limits: Limits | None = None,
    ) -> None:
        self._settings, self._device_id, self._lane = settings, device_id, lane
        self._standing, self._wakeups, self._heartbeat = standing, wakeups, heartbeat
        self._limits = limits or Limits()
        self._pauses = Backoff(rng)

    def run(self) -> None:
        """Work until stopped."""
        while not self._wakeups.stopped:
            given = self._standing.given()
            if given is None:
                self._wakeups.sleep(_ASK_AGAIN, Reason.STANDING)
            else:
                self._work_with(given)
        self._lane.close()

    def _work_with(self, given: RegistrationAnswer) -> None:
        try:
            self._lane.set_active(given.connection_string is not None)
            way = way_into(
                given, self._device_id, self._settings.server_ca, insecure=self._settings.insecure_plain_http
            )
            if way is None:
                self._do_without(given)
            else:
                self._hold_session(way, given)
        except HubRejected as error:
            self._standing.complain(_WHO, given)
            self._pause(error)
        except (HubError, sqlite3.Error) as error:  # the latter: no room for the marks
            self._pause(error)

    def _hold_session(self, way: HubWay, given: RegistrationAnswer) -> None:
        connection = HubConnection(way)
        log.info("connected to the IoT Hub %s at %s port %d", way.credentials.host, way.address, way.port)
        pulse = Pulse(float(self._settings.heartbeat_interval or given.heartbeat_interval))
        try:
            HubSession(
                connection,
                self._lane,
                pulse,
                self._wakeups,
                self._device_id,
                self._heartbeat,
                self._heard,
                self._limits,
            ).run(lambda: self._still_right(given))
        finally:
            connection.close()

    def _heard(self) -> None:
        self._pauses.reset()
        self._standing.content(_WHO)

    def _still_right(self, given: RegistrationAnswer) -> bool:
        now = self._standing.given()
        return now is given or (
            now is not None and (now.connection_string, now.hub) == (given.connection_string, given.hub)
        )

    def _do_without(self, given: RegistrationAnswer) -> None:
        log.info("the server has no IoT Hub for this device")
        self._wakeups.sleep(_ASK_AGAIN, Reason.STANDING)
        self._standing.complain(_WHO, given)

    def _pause(self, error: HubError | sqlite3.Error) -> None:
        pause = self._pauses.next()
        log.warning("cannot deliver barcodes to the IoT Hub, next try in %.1f s: %s", pause, error)
        self._wakeups.sleep(pause, Reason.STANDING)
