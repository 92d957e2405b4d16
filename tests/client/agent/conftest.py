"""What the agent's tests stand on: a server and a hub that misbehave on demand, a device's spool, an agent."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from pi_auto.client.agent.agent import Agent
from pi_auto.client.agent.telling import Telling
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.settings import Settings
from pi_auto.client.spool.marks import Marks
from pi_auto.server.api import enrolment
from pi_auto.server.enrolment.limits import Limiter
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.registration import HubDial
from support.api import open_api
from support.certificates import Authority
from support.fleet_office import FleetOffice
from support.fleet_peer import FleetPeer
from support.mqtt_peer import MqttPeer
from support.stored import StoredScans
from support.waiting import wait_until

DEVICE = "pi-1a2b3c4d"
KEY = "c2VjcmV0IGtleSBvZiB0aGlzIGRldmljZSBhbG9uZQ=="


def nobody() -> None:
    """Whom a standing tells of changes when no worker runs."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The fleet's certificate authority."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def hub() -> Iterator[MqttPeer]:
    with MqttPeer() as peer:
        yield peer


@pytest.fixture
def server(hub: MqttPeer) -> Iterator[FleetPeer]:
    """A server that sends its devices to `hub`."""
    connection_string = str(ConnectionString("hub.test", DEVICE, KEY))
    with FleetPeer(connection_string=connection_string, hub=HubDial("127.0.0.1", hub.port, tls=False)) as peer:
        yield peer


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetOffice]:
    """A fleet with real books behind a server that loses answers when told to."""
    monkeypatch.setattr(enrolment, "_limiter", Limiter(60, 60.0, lambda: 1000.0))
    folder = tmp_path / "fleet"
    folder.mkdir()
    with open_api(folder / "data", trust=True) as api:
        made = FleetOffice(api, folder)
        with made.peer:
            yield made


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredScans]:
    """The spool of the device under test."""
    scans = StoredScans(tmp_path / "state")
    yield scans
    scans.close()


@pytest.fixture
def marks(tmp_path: Path) -> Iterator[Marks]:
    kept = Marks(tmp_path / "marks.sqlite")
    yield kept
    kept.close()


@pytest.fixture
def telling(tmp_path: Path) -> Telling:
    """Whom workers tell how they get on."""
    return Telling(Bulletin(tmp_path))


@pytest.fixture
def rng() -> Random:
    """Chance that is the same every time."""
    return Random(1)


@pytest.fixture
def settings(tmp_path: Path, server: FleetPeer) -> Settings:
    return Settings(
        state=tmp_path / "state", server_url=server.url, device_id=DEVICE, registration_retry_interval=1
    )


@pytest.fixture
def agent(settings: Settings) -> Iterator[Agent]:
    """A running agent."""
    with running(settings) as made:
        yield made


@contextmanager
def running(settings: Settings) -> Iterator[Agent]:
    doctor = [sys.executable, "-m", "pi_auto.client.cli", "doctor"]
    doctor += ["--state", str(settings.state), "--server", str(settings.server_url)]
    agent = Agent(settings, doctor)
    outcome: list[bool] = []
    thread = threading.Thread(target=lambda: outcome.append(agent.run()))
    thread.start()
    try:
        yield agent
    finally:
        agent.stop()
        thread.join(10)
        assert outcome == [True], "a worker has died"


@pytest.fixture
def arrives() -> Callable[[Callable[[], list[str]], list[str]], None]:
    """Waits until a list of texts is the one expected."""

    def wait(arrived: Callable[[], list[str]], expected: list[str]) -> None:
        wait_until(lambda: arrived() == expected, what=f"{expected} to arrive")

    return wait
