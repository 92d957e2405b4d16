"""What one device has subscribed to: granted by IoT Hub's rules, kept if it asked so, and what waited for it.

A change is on disk before the device hears of it, where the session is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from pi_auto.hub.database import BusyError
from pi_auto.hub.mqtt import packets
from pi_auto.hub.mqtt.packets import ProtocolError, Subscribe, Unsubscribe
from pi_auto.hub.requests import SUBSCRIBABLE
from pi_auto.hub.sessions.conversation import JOB_WEIGHT, Conversation
from pi_auto.hub.sessions.letters import Letters
from pi_auto.wire import topics

MOST_SUBSCRIPTIONS = 5  # IoT Hub


class Subscribing:
    """The subscriptions of one connection; they stand in its Conversation."""

    __slots__ = ("_keeps", "_letters", "_talk")

    def __init__(self, talk: Conversation, letters: Letters) -> None:
        self._talk, self._letters = talk, letters
        self._keeps = False

    def recall(self, *, clean: bool) -> bool:
        """Take up the session that is kept for the device, or begin a new one; whether there was one.

        Raises BusyError.
        """
        kept, device_id = self._talk.hub.kept_sessions, self._talk.device_id
        self._keeps = not clean
        if clean:
            kept.clear(device_id)
            return False
        found = kept.find(device_id)
        self._talk.subscriptions = found or {}
        kept.keep(device_id, self._talk.subscriptions)
        return found is not None

    def listen(self) -> None:
        """Hand over what has waited for the subscriptions of a session that was taken up."""
        self._hand_over(self._talk.subscriptions)

    def subscribe(self, packet: Subscribe) -> None:
        """Grant what is asked for, as far as the device may have it. Raises ProtocolError."""
        codes = [self._grant(topic, qos) for topic, qos in packet.filters]
        self._confirm(packets.suback(packet.packet_id, codes))
        self._hand_over(topic for topic, _ in packet.filters if topic in self._talk.subscriptions)

    def unsubscribe(self, packet: Unsubscribe) -> None:
        """Forget subscriptions; those that there are not do not matter. Raises ProtocolError."""
        for topic in packet.filters:
            self._talk.subscriptions.pop(topic, None)
        self._confirm(packets.unsuback(packet.packet_id))

    def _grant(self, topic: str, qos: int) -> int:
        talk = self._talk
        full = topic not in talk.subscriptions and len(talk.subscriptions) >= MOST_SUBSCRIPTIONS
        if full or (topic not in SUBSCRIBABLE and topic != talk.letters_topic):
            talk.hub.complaints.say(talk.device_id, "a subscription it may not have", topic[:128])
            return packets.SUBSCRIPTION_REFUSED
        granted = min(qos, 1)  # IoT Hub: QoS 2 is granted as 1
        talk.subscriptions[topic] = granted
        return granted

    def _confirm(self, answer: bytes) -> None:
        """Answer a change of the subscriptions, once it is on disk if the session is kept."""
        talk = self._talk
        try:
            done = talk.hub.kept_sessions.keep(talk.device_id, talk.subscriptions) if self._keeps else None
        except BusyError as error:
            raise ProtocolError(f"a subscription that cannot be kept: {error}") from None
        if done is None:
            talk.outlet.send(answer)
            return
        talk.outlet.hold(JOB_WEIGHT)
        done.add_done_callback(lambda kept: self._confirmed(kept, answer))

    def _confirmed(self, kept: asyncio.Future[None], answer: bytes) -> None:
        self._talk.outlet.release(JOB_WEIGHT)
        if kept.exception():
            self._talk.end(clean=False)
        else:
            self._talk.outlet.send(answer)

    def _hand_over(self, wanted: Iterable[str]) -> None:
        found = set(wanted)
        if topics.METHODS in found:
            self._talk.hub.methods.came(self._talk.device_id)
        if self._talk.letters_topic in found:
            self._letters.ask()
