"""The worker that keeps the link to the hub: one session after the other, from the mark on each time.

It has its own place in the spool and its own patience; the API's troubles never reach it.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from random import Random

from pi_auto.client.agent.backoff import Backoff, Spread
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.errors import HubError, HubLost, HubRejected
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.desired import Desired
from pi_auto.client.agent.hub.doubt import Doubt
from pi_auto.client.agent.hub.own_link import own_link
from pi_auto.client.agent.hub.pulse import Pulse
from pi_auto.client.agent.hub.session import HubSession, Limits
from pi_auto.client.agent.hub.trial import Trial, Verdict
from pi_auto.client.agent.hub.way import HubWay, way_into
from pi_auto.client.agent.hub.window import WINDOW
from pi_auto.client.agent.hub.wishes import LOG_LEVEL, Wishes
from pi_auto.client.agent.methods.dispatch import Methods
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.endpoint import is_loopback
from pi_auto.client.settings import Settings
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.reader import Unreadable
from pi_auto.wire.heartbeat import Heartbeat
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.scan import Record
from pi_auto.wire.twin import Section

log = logging.getLogger("pi_auto.delivery.hub")

_WHO = "hub"
_LOOK = 2.0  # seconds between looks at the device's own link
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
        link: Callable[[], frozenset[tuple[str, ...]]] = own_link,
    ) -> None:
        self._settings, self._device_id, self._lane = settings, device_id, lane
        self._standing, self._wakeups, self._heartbeat = standing, wakeups, heartbeat
        self._telling, self._methods = telling, methods or Methods({})
        self._host: str | None = None  # the hub that was last tried
        self._limits = limits or Limits()
        self._rng = rng
        self._pauses = Backoff(rng)
        self._spread = Spread(rng, self._limits.spread)
        self._own_link, self._log_level = link, log_level
        self._link = link()  # as it was when the hub was last dialled
        self._shared = False  # whether other devices may be coming back to that hub as well
        self._doubt = Doubt(self._limits.losses, self._limits.doubt)

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
        except HubLost as error:
            self._standing.lose(_WHO, time.monotonic())
            self._pause(error)
        except sqlite3.Error as error:  # no room for the marks
            self._pause(error)

    def _hold_session(self, way: HubWay, given: RegistrationAnswer) -> None:
        self._host = way.credentials.host
        self._link, self._shared = self._own_link(), not is_loopback(way.address)
        connection = HubConnection(way)
        self._telling.hub(ok=True, said="connected", host=self._host)
        log.info("connected to the IoT Hub %s at %s port %d", way.credentials.host, way.address, way.port)
        pulse = Pulse(float(self._settings.heartbeat_interval or given.heartbeat_interval))
        session = HubSession(
            connection, self._lane, pulse, Desired(self._wanted), self._methods, self._wakeups,
            self._device_id, self._heartbeat, self._heard, self._limits,
        )  # fmt: skip
        try:
            self._try_suspect(connection)
            self._run(session, given)
        finally:
            connection.close()

    def _run(self, session: HubSession, given: RegistrationAnswer) -> None:
        try:
            session.run(lambda: self._still_right(given))
        except HubLost:
            self._doubt.lost(session.unanswered, time.monotonic())
            raise

    def _try_suspect(self, connection: HubConnection) -> None:
        """Try the record that is doubted, if there is one, and another to compare it with."""
        position = self._doubt.suspect(time.monotonic())
        ahead = self._records_ahead() if position else []
        if len(ahead) < 2 or ahead[0].position != position:
            return  # without a record behind it, it keeps none waiting
        suspect, *others = ahead
        trial = Trial(connection, self._device_id, self._limits.silence, lambda: self._wakeups.stopped)
        verdict = trial.verdict(suspect, self._rng.choice(others))
        if verdict is Verdict.INNOCENT:
            self._lane.settle(suspect.position)
        elif verdict is Verdict.GUILTY:
            self._sentence(suspect)

    def _sentence(self, record: Record) -> None:
        number = record.position.number
        if self._doubt.convicts():
            reason = "the IoT Hub closes the connection whenever it gets this, and takes others"
            log.error("barcode set aside: number=%d uuid=%s reason=%s", number, record.uuid, reason)
            self._lane.set_aside(record, reason)
            self._lane.settle(record.position)
        raise HubLost(f"the IoT Hub took another record, and closed the connection at number {number}")

    def _records_ahead(self) -> list[Record]:
        try:
            items = self._lane.ahead(WINDOW).items
        except SpoolUnavailable:
            return []
        return [item for item in items if not isinstance(item, Unreadable)]

    def _wanted(self, desired: Section) -> None:
        self._telling.wanted(desired)
        wishes = Wishes()
        wishes.take(desired, 0)
        self._log_level(wishes.held.get(LOG_LEVEL))

    def _heard(self) -> None:
        self._pauses.reset()
        self._spread.reset()
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
        spread = isinstance(error, HubLost) and self._shared and self._own_link() == self._link
        patience = self._doubt.patience()
        pause = max(self._spread.next(), patience) if spread else self._pauses.next(patience)
        log.warning("cannot deliver barcodes to the IoT Hub, next try in %.1f s: %s", pause, error)
        self._rest(pause, mind_link=spread)

    def _rest(self, pause: float, *, mind_link: bool) -> None:
        """Sleep; no longer than until the device's own link changes, since that may have been the reason."""
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0 and not self._wakeups.stopped:
            if self._wakeups.sleep(min(left, _LOOK), Reason.STANDING):
                return
            if mind_link and self._own_link() != self._link:
                log.info("this device's own network link has changed: trying the IoT Hub again at once")
                return
