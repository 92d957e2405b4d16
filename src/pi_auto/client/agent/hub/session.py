"""What happens on one connection to the hub: records go out, acknowledgements move the mark, the heart beats.

One thread does it all, so that nothing needs a lock. It ends when the token is nearly
used up or the server has given another way, by finishing what is under way first; when the
agent stops, by saying `offline`; and by HubLost when the connection goes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from pi_auto.client.agent.delivery.lane import Item, Lane
from pi_auto.client.agent.errors import HubLost
from pi_auto.client.agent.hub.changes import Changes
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.desired import Desired
from pi_auto.client.agent.hub.pulse import Pulse
from pi_auto.client.agent.hub.way import TOKEN_LIFE
from pi_auto.client.agent.hub.window import Window
from pi_auto.client.agent.hub.wishes import HEARTBEAT_INTERVAL
from pi_auto.client.agent.methods.dispatch import Methods
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.reader import Unreadable
from pi_auto.wire.heartbeat import Heartbeat, to_bytes
from pi_auto.wire.ids import Position
from pi_auto.wire.telemetry import telemetry_body, telemetry_topic

log = logging.getLogger("pi_auto.delivery.hub")

MOST_MESSAGE = 256 * 1024  # bytes, topic and body. IoT Hub: a larger message closes the connection
LOOK = 5.0  # seconds between looks into the spool when no bell rings
FAREWELL = 2.0  # seconds for the last report: the agent has to stop within five
_SILENCE = 30.0  # seconds without a PUBACK, after which a connection that still pings is given up
_FINISHING = 10.0  # seconds for what is under way at the end of a token


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a session, in seconds and bytes, and when a record is doubted; tests choose smaller ones."""

    life: float = TOKEN_LIFE * 0.85  # renewed before the hub closes the connection
    silence: float = _SILENCE
    message: int = MOST_MESSAGE
    losses: int = 5
    doubt: float = 60.0
    spread: float = 120.0  # over which a fleet comes back to a hub that hung up on it


class HubSession:
    """One connection's work. `heard` is called when the hub has shown that it works."""

    def __init__(
        self,
        connection: HubConnection,
        lane: Lane,
        pulse: Pulse,
        desired: Desired,
        methods: Methods,
        wakeups: Wakeups,
        device_id: str,
        heartbeat: Callable[[], Heartbeat],
        heard: Callable[[], None],
        limits: Limits,
    ) -> None:
        self._connection, self._lane, self._pulse, self._wakeups = connection, lane, pulse, wakeups
        self._desired, self._methods = desired, methods
        self._device_id, self._heartbeat, self._heard, self._limits = device_id, heartbeat, heard, limits
        self._window = Window()
        self._changes = Changes()
        self._answered = False
        self._look_at = 0.0
        self._ends_at = time.monotonic() + limits.life

    @property
    def unanswered(self) -> Position | None:
        """The record that was sent first, if the hub has acknowledged none on this connection."""
        return None if self._answered else self._window.oldest

    def run(self, still_right: Callable[[], bool]) -> None:
        """Work until stopped, the token is nearly used up, or the way is no longer right. Raises HubLost."""
        while not self._wakeups.stopped and time.monotonic() < self._ends_at and still_right():
            self._send()
            self._beat()
            self._ask()
            self._turn(min(self._look_at, self._pulse.next_at, self._ends_at, self._desired.next_at or inf))
        if self._wakeups.stopped:
            self._say_offline()
        else:
            self._finish()

    def _turn(self, until: float) -> None:
        self._connection.turn(until - time.monotonic(), self._wakeups.fileno())
        if self._wakeups.take(Reason.RECORD | Reason.STANDING):
            self._look_at = 0.0
        self._take_acknowledgements()
        self._take_answers()
        self._take_calls()

    def _take_calls(self) -> None:
        while self._connection.calls:
            name, request_id, body = self._connection.calls.popleft()
            status, answer = self._methods.answer(name, body)
            self._connection.answer(status, request_id, answer)

    def _send(self) -> None:
        now = time.monotonic()
        room = self._window.room
        if not room or now < self._look_at:
            return
        try:
            stretch = self._lane.ahead(room, beyond=self._window.last)
        except SpoolUnavailable as error:
            log.info("no spool to read barcodes from yet: %s", error)
            self._look_at = now + LOOK
            return
        if self._window.last and self._window.last.spool != stretch.spool:
            self._window = (
                Window()
            )  # what is under way belongs to a spool that is gone: its rows are in the new one
        for item in stretch.items:
            self._send_one(item, Position(stretch.spool, item.position.number), now)
        # A full window's worth means there may be more: look again as soon as there is room.
        self._look_at = now if len(stretch.items) == room else now + LOOK

    def _send_one(self, item: Item, position: Position, now: float) -> None:
        if isinstance(item, Unreadable):
            self._skip(item, position, item.reason)
            return
        topic, body = telemetry_topic(self._device_id, item), telemetry_body(self._device_id, item)
        size = len(topic) + len(body)
        if size > self._limits.message:
            self._skip(item, position, f"telemetry of {size} bytes; allowed: {self._limits.message}")
            return
        self._window.sent(position, self._connection.publish(topic, body), now)

    def _skip(self, item: Item, position: Position, reason: str) -> None:
        log.error("barcode set aside: number=%d uuid=%s reason=%s", position.number, item.uuid, reason)
        self._lane.set_aside(item, reason)
        self._window.skipped(position)

    def _take_acknowledgements(self) -> None:
        while self._connection.acknowledged:
            self._window.acknowledged(self._connection.acknowledged.popleft())
            self._answered = True
            self._heard()
        settled = self._window.settle()
        if settled:
            self._lane.settle(settled)
            log.info("barcodes delivered to the IoT Hub: spool=%s through=%d", settled.spool, settled.number)
        since = self._window.waiting_since
        if since is not None and time.monotonic() - since > self._limits.silence:
            raise HubLost(f"the IoT Hub has acknowledged nothing for {self._limits.silence:.0f} s")

    def _beat(self) -> None:
        now = time.monotonic()
        self._pulse.pace(self._desired.wishes.held.get(HEARTBEAT_INTERVAL), now)
        if self._pulse.given_up(now):
            log.warning("the IoT Hub did not answer a heartbeat; going on")
            self._changes.doubted()
        if self._pulse.due(now):
            settings = self._desired.wishes.acknowledged
            patch = self._changes.patch(self._heartbeat().to_json() | ({"settings": settings} if settings else {}))
            self._connection.report(to_bytes(patch), self._pulse.sent(now))

    def _ask(self) -> None:
        now = time.monotonic()
        if self._desired.due(now):
            self._connection.ask_for_twin(self._desired.asked(now))

    def _take_answers(self) -> None:
        while self._connection.desired:
            self._desired.patched(self._connection.desired.popleft())
        while self._connection.answers:
            status, request_id, body = self._connection.answers.popleft()
            if self._pulse.answered(status, request_id, time.monotonic()):
                self._changes.taken()
                self._heard()
            elif not self._desired.answered(status, request_id, body):
                self._changes.doubted()
                log.warning("the IoT Hub answered %s with status %d", request_id, status)

    def _finish(self) -> None:
        deadline = time.monotonic() + _FINISHING
        while self._window.waiting_since is not None and time.monotonic() < deadline and not self._wakeups.stopped:
            self._turn(deadline)

    def _say_offline(self) -> None:
        deadline = time.monotonic() + FAREWELL
        report = Heartbeat(status="offline", last_seen=datetime.now(UTC))
        self._connection.report(to_bytes(report.to_json()), self._pulse.sent(time.monotonic()))
        while self._pulse.awaiting and time.monotonic() < deadline:
            self._connection.turn(deadline - time.monotonic())
            self._take_acknowledgements()
            self._take_answers()
