"""What the tests of the link stand on: an authority, a real hub with TLS for both carriers, devices of it."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pi_auto.client.agent.delivery.hub import HubDelivery
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.network.own_link import OwnLink
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import HUB
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.wire.heartbeat import Heartbeat
from pi_auto.wire.hublink import TELEMETRY
from pi_auto.wire.registration import HubDial, RegistrationAnswer
from support.certificates import Authority
from support.hub import RunningHub, running_hub
from support.stored import StoredScans

NAME = "hub.test"
DEVICE = "pi-1a2b3c4d"

HubOf = Callable[..., AbstractContextManager[RunningHub]]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The one that devices believe."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def hub_of(tmp_path: Path) -> HubOf:
    """Runs a real hub whose connection strings say NAME, with this certificate for MQTT and WebSocket."""

    def run(certificate: Path, folder: str = "site") -> AbstractContextManager[RunningHub]:
        (tmp_path / folder).mkdir(exist_ok=True)
        return running_hub(
            tmp_path / folder, "--name", NAME, "--https-port", "0",
            "--tls-cert", str(certificate), "--tls-key", str(certificate),
        )  # fmt: skip

    return run


@pytest.fixture
def hub(hub_of: HubOf, authority: Authority) -> Iterator[RunningHub]:
    """A hub that is what it says."""
    with hub_of(authority.certificate(NAME)) as running:
        yield running


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredScans]:
    """The spool of the device under test."""
    scans = StoredScans(tmp_path / "state")
    yield scans
    scans.close()


def given_by(hub: RunningHub, *, mqtt_port: int | None = None, websocket: bool = True) -> RegistrationAnswer:
    """What a server would give for this hub; `mqtt_port` stands in for one that a network blocks."""
    credentials = hub.put_device(DEVICE)
    port = hub.mqtt_address[1] if mqtt_port is None else mqtt_port
    dial = HubDial("127.0.0.1", port, tls=True, websocket_port=hub.https_address[1] if websocket else None)
    return RegistrationAnswer(DEVICE, datetime.now(UTC), str(credentials), "", hub=dial)


class Device:
    """The hub worker of a device in a thread of its own; `asked` counts complaints about what was given."""

    def __init__(
        self, stored: StoredScans, given: RegistrationAnswer, settings: Settings, limits: Limits, rng: Random
    ) -> None:
        self.stored = stored
        self.asked = 0
        self.own_link: OwnLink = frozenset({("eth0", "00000000", "0100000A")})
        self._marks = Marks(stored.state / "marks.sqlite")
        self._wakeups = Wakeups()
        self._standing = Standing(given, rng, 300.0, asked=self._count, changed=self._changed)
        self._delivery = HubDelivery(
            settings, DEVICE, Lane(HUB, SpoolReader(stored.folder), self._marks), self._standing,
            self._wakeups, rng, self._heartbeat, Telling(Bulletin(stored.state)), limits,
            link=lambda: self.own_link,
        )  # fmt: skip
        pauses = self._delivery._returning.pauses
        pauses.first = pauses.longest = 0.05
        self._thread = threading.Thread(target=self._delivery.run)
        self._thread.start()

    def scan(self, *texts: str) -> None:
        """Store scans, and ring."""
        self.stored.scan(*texts)
        self._wakeups.wake(Reason.RECORD)

    def give(self, given: RegistrationAnswer) -> None:
        """The server has given another way."""
        self._standing.replace(given, time.monotonic())

    def delivered(self) -> int:
        """Up to which number the hub has acknowledged all."""
        return self._marks.through(HUB, self.stored.spool.uuid)

    def stop(self) -> None:
        """End it, once."""
        if not self._thread.is_alive():
            return
        self._wakeups.wake(Reason.STOP)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._wakeups.close()
        self._marks.close()

    def _count(self) -> None:
        self.asked += self._standing.ask_at() is not None

    def _changed(self) -> None:
        self._wakeups.wake(Reason.STANDING)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat("online", datetime.now(UTC), "0.1", {"hostname": "pi"}, {"api": {"waiting": 0}})


DeviceOf = Callable[..., Device]


@pytest.fixture
def device_of(stored: StoredScans, authority: Authority) -> Iterator[DeviceOf]:
    """Starts the one device of a test."""
    started: list[Device] = []

    def start(given: RegistrationAnswer, limits: Limits | None = None, **settings: Any) -> Device:
        made = Settings(state=stored.state, heartbeat_interval=1, server_ca=authority.ca, **settings)
        started.append(Device(stored, given, made, limits or Limits(), Random(1)))
        return started[-1]

    yield start
    for device in started:
        device.stop()


def arrivals(hub: RunningHub, count: int, timeout: float = 20.0) -> list[tuple[str, str]]:
    """The (message id, barcode) of telemetry at a hub, repeats included, once there are `count` different ones."""
    found: list[tuple[str, str]] = []
    with hub.events() as events:
        while len(set(found)) < count:
            (*_, event) = events.until(lambda each: each.type == TELEMETRY, timeout)
            found.append((event.system_properties["message-id"], json.loads(b64decode(event.body))["barcode"]))
    return found
