"""Cloud-to-device messages on one connection: which were sent, and which PUBACK ends which.

A message is sent once a connection. One that stays unacknowledged waits in the mailbox
for the next connection; the mailbox bounds how many there are.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3

from pi_auto.hub.database import BusyError
from pi_auto.hub.letter import Letter
from pi_auto.hub.mailbox import MOST_DELIVERIES, Pending
from pi_auto.hub.mqtt import packets
from pi_auto.hub.presence import now_ms
from pi_auto.hub.sessions.conversation import Conversation

logger = logging.getLogger("pi_auto.hub")


class Letters:
    """The messages of one connection that are sent and not acknowledged."""

    __slots__ = ("_again", "_asking", "_sent", "_talk")

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._sent: set[int] = set()
        self._asking = self._again = False

    def ask(self) -> None:
        """The device listens now: send what waits for it.

        One question at a time, or a message would count as delivered by each of them.
        """
        self._again = self._asking
        if self._asking:
            return
        try:
            self._talk.hub.mailbox.pending(self._talk.device_id, self._sent).add_done_callback(self._came)
            self._asking = True
        except BusyError as error:
            self._talk.hub.complaints.say(self._talk.device_id, "its messages could not be read", str(error))

    def tell(self, letter: Letter) -> None:
        """Send a message at the granted QoS, if the device listens and has not been sent it."""
        topic = self._talk.letters_topic
        qos = self._talk.subscriptions.get(topic)
        if not self._talk.online or qos is None or letter.packet_id in self._sent:
            return
        self._sent.add(letter.packet_id)
        self._talk.active_ms = now_ms()
        name = f"{topic[:-1]}{letter.bag}"
        if qos:
            self._talk.outlet.send(packets.publish_1(name, letter.body, letter.packet_id, again=letter.again))
        else:
            self._talk.outlet.send(packets.publish(name, letter.body))
            self.acknowledged(letter.packet_id)

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK has come. One for what was never sent means nothing."""
        if packet_id not in self._sent:
            return
        try:
            done = self._talk.hub.mailbox.acknowledge(self._talk.device_id, packet_id)
        except BusyError:
            return  # it is sent again on the next connection
        done.add_done_callback(lambda answer: self._deleted(answer, packet_id))

    def _came(self, answer: asyncio.Future[Pending]) -> None:
        self._asking = False
        if _failed(answer):
            return
        if count := answer.result().given_up:
            cause = f"messages given up that it did not acknowledge in {MOST_DELIVERIES} deliveries"
            self._talk.hub.complaints.say(self._talk.device_id, cause, str(count))
        for letter in answer.result().letters:
            self.tell(letter)
        if self._again:
            self.ask()

    def _deleted(self, answer: asyncio.Future[int], packet_id: int) -> None:
        if not _failed(answer):
            self._sent.discard(packet_id)


def _failed(answer: asyncio.Future[Pending] | asyncio.Future[int]) -> bool:
    error = answer.exception()
    if error and not isinstance(error, sqlite3.Error):  # the database has said what is wrong with it
        logger.error("a job of the mailbox failed", exc_info=error)
    return error is not None
