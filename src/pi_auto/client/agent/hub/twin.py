"""The twin's part of one connection: heartbeats are reported, what is desired is asked for and taken."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf

from pi_auto.client.agent.hub.changes import Changes
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.desired import Desired
from pi_auto.client.agent.hub.pulse import Pulse
from pi_auto.client.agent.hub.wishes import HEARTBEAT_INTERVAL
from pi_auto.wire.heartbeat import Heartbeat, to_bytes

log = logging.getLogger("pi_auto.delivery.hub")


class TwinTalk:
    """Reports what `heartbeat` tells, by the rhythm of `pulse`, and keeps `desired`."""

    def __init__(
        self, connection: HubConnection, pulse: Pulse, desired: Desired, heartbeat: Callable[[], Heartbeat]
    ) -> None:
        self._connection, self._pulse, self._desired = connection, pulse, desired
        self._heartbeat = heartbeat
        self._changes = Changes()

    @property
    def next_at(self) -> float:
        """When something is to be said next, time.monotonic."""
        return min(self._pulse.next_at, self._desired.next_at or inf)

    @property
    def awaiting(self) -> bool:
        """Whether the answer to a report is still to come."""
        return self._pulse.awaiting

    def hurry(self) -> None:
        """Something about this device is another than it was: report it now."""
        self._pulse.hurry(time.monotonic())

    def speak(self) -> None:
        """Report and ask, if it is time. Raises HubLost."""
        now = time.monotonic()
        self._pulse.pace(self._desired.wishes.held.get(HEARTBEAT_INTERVAL), now)
        if self._pulse.given_up(now):
            log.warning("the IoT Hub did not answer a heartbeat; going on")
            self._changes.doubted()
        if self._pulse.due(now):
            self._report(now)
        if self._desired.due(now):
            self._connection.ask_for_twin(self._desired.asked(now))

    def take_answers(self) -> bool:
        """Take what the hub has said of the twin; whether a report was accepted."""
        heard = False
        while self._connection.desired:
            self._desired.patched(self._connection.desired.popleft())
        while self._connection.answers:
            heard = self._take(*self._connection.answers.popleft()) or heard
        return heard

    def say_offline(self) -> None:
        """Report that the device goes."""
        report = Heartbeat(status="offline", last_seen=datetime.now(UTC))
        self._connection.report(to_bytes(report.to_json()), self._pulse.sent(time.monotonic()))

    def _report(self, now: float) -> None:
        settings = self._desired.wishes.acknowledged
        patch = self._changes.patch(self._heartbeat().to_json() | ({"settings": settings} if settings else {}))
        self._connection.report(to_bytes(patch), self._pulse.sent(now))

    def _take(self, status: int, request_id: str, body: bytes) -> bool:
        """Whether it is a yes to the last report."""
        if self._pulse.answered(status, request_id, time.monotonic()):
            self._changes.taken()
            return True
        if not self._desired.answered(status, request_id, body):
            self._changes.doubted()
            log.warning("the IoT Hub answered %s with status %d", request_id, status)
        return False
