"""The records on one connection: the next ones go out, acknowledgements move the mark.

Whatever is under way when the connection goes is forgotten here and sent again on the next
one, from the mark on: to the same hub or another, under the same message id.
"""

from __future__ import annotations

import logging
import time

from pi_auto.client.agent.delivery.lane import Item, Lane
from pi_auto.client.agent.errors import HubLost
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.hub.window import Window
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.reader import Unreadable
from pi_auto.wire.ids import Position
from pi_auto.wire.telemetry import telemetry_body, telemetry_topic

log = logging.getLogger("pi_auto.delivery.hub")

LOOK = 5.0  # seconds between looks into the spool when no bell rings


class Outgoing:
    """Sends along `lane` on `connection`. `look_at` is when to look into the spool next, time.monotonic."""

    def __init__(self, connection: HubConnection, lane: Lane, device_id: str, limits: Limits) -> None:
        self._connection, self._lane = connection, lane
        self._device_id, self._limits = device_id, limits
        self._window = Window()
        self._answered = False
        self.look_at = 0.0

    @property
    def unanswered(self) -> Position | None:
        """The record that was sent first, if the hub has acknowledged none on this connection."""
        return None if self._answered else self._window.oldest

    @property
    def under_way(self) -> bool:
        """Whether an acknowledgement is still to come."""
        return self._window.waiting_since is not None

    def send(self) -> None:
        """Send what comes next, as far as there is room. Raises HubLost."""
        now = time.monotonic()
        room = self._window.room
        if not room or now < self.look_at:
            return
        try:
            stretch = self._lane.ahead(room, beyond=self._window.last)
        except SpoolUnavailable as error:
            log.info("no spool to read barcodes from yet: %s", error)
            self.look_at = now + LOOK
            return
        if self._window.last and self._window.last.spool != stretch.spool:
            # what is under way belongs to a spool that is gone: its rows are in the new one
            self._window = Window()
        for item in stretch.items:
            self._send_one(item, Position(stretch.spool, item.position.number), now)
        # A full window's worth means there may be more: look again as soon as there is room.
        self.look_at = now if len(stretch.items) == room else now + LOOK

    def take_acknowledgements(self) -> bool:
        """Move the mark by what has been acknowledged; whether anything was. HubLost after a long silence."""
        heard = bool(self._connection.acknowledged)
        self._answered = self._answered or heard
        while self._connection.acknowledged:
            self._window.acknowledged(self._connection.acknowledged.popleft())
        settled = self._window.settle()
        if settled:
            self._lane.settle(settled)
            log.info("barcodes delivered to the IoT Hub: spool=%s through=%d", settled.spool, settled.number)
        since = self._window.waiting_since
        if since is not None and time.monotonic() - since > self._limits.silence:
            raise HubLost(f"the IoT Hub has acknowledged nothing for {self._limits.silence:.0f} s")
        return heard

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
