"""A device's link with a hub, for the tests of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from pi_auto.client.agent.delivery.hub import HubDelivery
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.hub.way import HubWay, ways_into
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import HUB
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.heartbeat import Heartbeat
from pi_auto.wire.registration import HubDial, RegistrationAnswer
from support.mqtt_peer import MqttPeer
from support.stored import StoredScans
from support.waiting import wait_until

from .conftest import DEVICE, KEY

NAME = "hub.test"


def given(port: int, *, tls: bool = False, address: str = "127.0.0.1") -> RegistrationAnswer:
    credentials = ConnectionString(NAME, DEVICE, KEY)
    return RegistrationAnswer(DEVICE, datetime.now(UTC), str(credentials), "", hub=HubDial(address, port, tls))


def way(port: int, *, tls: bool = False, ca: Path | None = None) -> HubWay:
    return ways_into(given(port, tls=tls), DEVICE, ca)[0]


class Link:
    """The hub worker of a device, running in a thread of its own."""

    def __init__(self, stored: StoredScans, marks: Marks, hub: MqttPeer, limits: Limits, address: str) -> None:
        self.rejections = 0
        self.own_link: frozenset[object] = frozenset()
        self.wakeups = Wakeups()
        self.standing = Standing(
            given(hub.port, address=address), Random(1), 300.0, asked=self._asked, changed=self._changed
        )
        settings = Settings(state=stored.state, heartbeat_interval=1, insecure_plain_http=True)
        lane = Lane(HUB, SpoolReader(stored.folder), marks)
        self.delivery = HubDelivery(
            settings,
            DEVICE,
            lane,
            self.standing,
            self.wakeups,
            Random(1),
            self._heartbeat,
            Telling(Bulletin(stored.state)),
            limits,
            link=lambda: self.own_link,
        )
        pauses = self.delivery._returning.pauses
        pauses.first = pauses.longest = 0.05
        self.thread = threading.Thread(target=self.delivery.run)

    def stop(self) -> None:
        self.wakeups.wake(Reason.STOP)
        self.thread.join(10)
        assert not self.thread.is_alive()

    def _asked(self) -> None:
        self.rejections += 1

    def _changed(self) -> None:
        self.wakeups.wake(Reason.STANDING)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat("online", datetime.now(UTC), "0.1", {"hostname": "pi"}, {"api": {"waiting": 0}})


@contextmanager
def linked(
    stored: StoredScans, marks: Marks, hub: MqttPeer, limits: Limits | None = None, address: str = "127.0.0.1"
) -> Iterator[Link]:
    link = Link(stored, marks, hub, limits or Limits(), address)
    link.thread.start()
    try:
        yield link
    finally:
        link.stop()
        link.wakeups.close()


def texts(hub: MqttPeer) -> list[str]:
    return [json.loads(body)["barcode"] for body in hub.bodies()]


def arrived(marks: Marks, stored: StoredScans, number: int) -> None:
    wait_until(lambda: marks.through(HUB, stored.spool.uuid) == number, what=f"the mark to be at {number}")
