"""What all rooms of one device's session share: its way out, its subscriptions, and what it is owed.

Nothing here knows a topic. Bytes and effects go out through an Outlet; events go into the
hub's log under the id of the one device that proved itself.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from pi_auto.hub.eventlog.record import Record
from pi_auto.hub.mqtt import packets
from pi_auto.hub.presence import now_ms
from pi_auto.hub.receipts import Receipt, Receipts
from pi_auto.hub.services import Services

JOB_WEIGHT = 64 * 1024  # bytes that a job of the database may come to, so that a device has few under way


class Outlet(Protocol):
    """The connection, as a session sees it."""

    @property
    def backed_up(self) -> bool:
        """Whether the device does not read what it is sent."""

    def send(self, data: bytes) -> None:
        """Send bytes to the device, if it is still there."""

    def close(self) -> None:
        """Send what is waiting and close."""

    def admitted(self, most_packet: int, silence: float, until: int) -> None:
        """The device proved itself: packets may be larger, `silence` (seconds) or `until` (Unix time) end it."""

    def hold(self, weight: int) -> None:
        """Something of `weight` bytes is under way."""

    def release(self, weight: int) -> None:
        """It is done."""

    def rest(self, seconds: float) -> None:
        """Read nothing more of the device for so long."""


class State(Enum):
    """Where a session stands."""

    NEW = "before its CONNECT"
    ONLINE = "connected"
    ENDED = "ended"


class Conversation:
    """The state of one session. `subscriptions` maps a topic to the QoS that was granted."""

    __slots__ = ("active_ms", "device_id", "hub", "letters_topic", "outlet", "receipts", "state", "subscriptions")

    def __init__(self, hub: Services, outlet: Outlet) -> None:
        self.hub, self.outlet = hub, outlet
        self.state = State.NEW
        self.receipts = Receipts()
        self.subscriptions: dict[str, int] = {}
        self.device_id = ""
        self.active_ms = 0  # the last message that came or went, ms since 1970
        self.letters_topic = ""  # what it subscribes to for cloud-to-device messages

    @property
    def online(self) -> bool:
        """Whether the device has proved itself and is still there."""
        return self.state is State.ONLINE

    def tell(self, subscription: str, topic: str, body: bytes) -> bool:
        """Send a message of QoS 0, if the device is there and has subscribed to such; whether it was sent."""
        wanted = self.online and subscription in self.subscriptions
        if wanted:
            self.outlet.send(packets.publish(topic, body))
            self.active_ms = now_ms()
        return wanted

    def settle(self, receipt: Receipt | None, weight: int = 0) -> None:
        """A message is dealt with: its PUBACK is due, and its weight is off the connection."""
        if receipt:
            self.outlet.send(self.receipts.settle(receipt))
        if weight:
            self.outlet.release(weight)

    def end(self, *, clean: bool) -> None:
        """The connection is over; not clean means that the device did not say good-bye."""
        raise NotImplementedError

    def append(
        self,
        kind: str,
        bag: str = "",
        body: bytes = b"",
        retain: bool = False,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Put an event into the log; `done` is called once it is on disk."""
        self.active_ms = now_ms()
        self.hub.log.append(Record(kind, self.device_id, self.active_ms, bag, body, retain), done)
