"""The worker that keeps the link to the hub: one session after the other, from the mark on each time.

It has its own place in the spool and its own patience; the API's troubles never reach it.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from random import Random

from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.errors import HubError, HubLost, HubRejected
from pi_auto.client.agent.hub.calling import Calling
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.desired import Desired
from pi_auto.client.agent.hub.doubting import Doubting
from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.hub.outgoing import Outgoing
from pi_auto.client.agent.hub.pulse import Pulse
from pi_auto.client.agent.hub.returning import Returning
from pi_auto.client.agent.hub.session import HubSession
from pi_auto.client.agent.hub.twin import TwinTalk
from pi_auto.client.agent.hub.way import HubWay, ways_into
from pi_auto.client.agent.hub.wishes import LOG_LEVEL, Wishes
from pi_auto.client.agent.methods.dispatch import Methods
from pi_auto.client.agent.network.own_link import OwnLink, own_link
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.timekeeping.stepping import WallClock
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.settings import Settings
from pi_auto.wire.heartbeat import Heartbeat
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.twin import Section

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
        telling: Telling,
        limits: Limits | None = None,
        methods: Methods | None = None,
        log_level: Callable[[str | None], None] = lambda _level: None,
        link: Callable[[], OwnLink] = own_link,
        *,
        fleet_ca: str | None = None,
    ) -> None:
        """`fleet_ca`, PEM text, vouches for the hub in place of the authorities that are set."""
        self._authorities = fleet_ca or settings.server_ca
        self._settings, self._device_id, self._lane = settings, device_id, lane
        self._standing, self._wakeups, self._heartbeat = standing, wakeups, heartbeat
        self._telling, self._methods, self._log_level = telling, methods or Methods({}), log_level
        self._host: str | None = None  # the hub that was last tried
        self._limits = limits or Limits()
        self._returning = Returning(wakeups, rng, self._limits.spread, link)
        self._calling = Calling(self._returning, self._limits.token, rng, lambda: wakeups.stopped)
        self._doubting = Doubting(lane, device_id, self._limits, rng, lambda: wakeups.stopped)

    def run(self) -> None:
        """Work until stopped."""
        self._telling.hub(ok=False, said="not connected yet")
        while not self._wakeups.stopped:
            given = self._standing.given()
            if given is None:
                self._telling.hub(ok=False, said="the server has not registered this device yet")
                self._wakeups.sleep(_ASK_AGAIN, Reason.STANDING)
            else:
                self._work_with(given)
        self._lane.close()

    def _work_with(self, given: RegistrationAnswer) -> None:
        self._host = None
        try:
            self._lane.set_active(given.connection_string is not None)
            ways = self._ways(given)
            if ways:
                self._host = ways[0].credentials.host
                self._hold_session(self._calling.connect(ways), given)
            else:
                self._do_without(given)
        except HubRejected as error:
            self._standing.complain(_WHO, given)
            self._pause(error)
        except HubLost as error:
            self._standing.lose(_WHO, time.monotonic())
            self._pause(error)
        except sqlite3.Error as error:  # no room for the marks
            self._pause(error)

    def _ways(self, given: RegistrationAnswer) -> tuple[HubWay, ...]:
        settings = self._settings
        return ways_into(
            given, self._device_id, self._authorities, settings.proxy, insecure=settings.insecure_plain_http
        )

    def _hold_session(self, connection: HubConnection, given: RegistrationAnswer) -> None:
        self._telling.hub(ok=True, said="connected", host=self._host)
        session = self._session(connection, given)
        try:
            self._doubting.try_suspect(connection)
            self._run(session, given)
        finally:
            connection.close()

    def _session(self, connection: HubConnection, given: RegistrationAnswer) -> HubSession:
        pulse = Pulse(float(self._settings.heartbeat_interval or given.heartbeat_interval))
        return HubSession(
            connection,
            Outgoing(connection, self._lane, self._device_id, self._limits),
            TwinTalk(connection, pulse, Desired(self._wanted), self._heartbeat),
            self._methods,
            self._wakeups,
            self._heard,
            self._limits,
        )

    def _run(self, session: HubSession, given: RegistrationAnswer) -> None:
        try:
            clock = WallClock()
            session.run(lambda: self._still_right(given) and not clock.was_stepped())
        except HubLost:
            self._doubting.lost(session.unanswered)
            raise

    def _wanted(self, desired: Section) -> None:
        self._telling.wanted(desired)
        wishes = Wishes()
        wishes.take(desired, 0)
        self._log_level(wishes.held.get(LOG_LEVEL))

    def _heard(self) -> None:
        self._returning.heard()
        self._standing.content(_WHO)

    def _still_right(self, given: RegistrationAnswer) -> bool:
        now = self._standing.given()
        return now is given or (
            now is not None and (now.connection_string, now.hub) == (given.connection_string, given.hub)
        )

    def _do_without(self, given: RegistrationAnswer) -> None:
        log.info("the server has no IoT Hub for this device")
        self._telling.hub(ok=True, said="the server has none for this device")
        self._standing.content(_WHO)
        self._wakeups.sleep(_ASK_AGAIN, Reason.STANDING)
        self._standing.complain(_WHO, given)

    def _pause(self, error: HubError | sqlite3.Error) -> None:
        if isinstance(error, HubError):
            self._telling.hub(ok=False, said=str(error), host=self._host)
        self._returning.rest(error, lost=isinstance(error, HubLost), patience=self._doubting.patience())
