from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from random import Random

import pytest

from pi_auto.client.agent.errors import HubLost
from pi_auto.client.agent.hub.returning import Returning
from pi_auto.client.agent.network.own_link import OwnLink
from pi_auto.client.agent.wakeups import Reason, Wakeups

CABLE: OwnLink = frozenset({("eth0", "00000000", "0100000A")})
FAR = 10_000.0  # seconds, which no test waits


class Device:
    """A device that waits for its turn; `link` and `clock_set` are as they are."""

    def __init__(self, *, clock_set: bool = True) -> None:
        self.link, self.clock_set = CABLE, clock_set
        self.wakeups = Wakeups()
        self.returning = Returning(
            self.wakeups, Random(1), FAR, lambda: self.link, clock_set=lambda: self.clock_set
        )
        self.returning.dials(shared=True)
        self.thread = threading.Thread(
            target=self.returning.rest, args=(HubLost("gone"),), kwargs={"lost": True, "patience": 0.0}
        )
        self.thread.start()

    def goes_on(self, within: float) -> bool:
        """Whether it dials again in time."""
        self.thread.join(within)
        return not self.thread.is_alive()


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pi_auto.client.agent.hub.returning._LOOK", 0.02)


@pytest.fixture
def device() -> Iterator[Device]:
    yield from ended(Device())


@pytest.fixture
def device_with_no_clock() -> Iterator[Device]:
    yield from ended(Device(clock_set=False))


def ended(device: Device) -> Iterator[Device]:
    yield device
    device.wakeups.wake(Reason.STOP)
    assert device.goes_on(5)
    device.wakeups.close()


def test_a_device_waits_for_its_turn_and_stops_at_once_when_told(device: Device) -> None:
    assert not device.goes_on(0.2)
    began = time.monotonic()
    device.wakeups.wake(Reason.STOP)
    assert device.goes_on(5)
    assert time.monotonic() - began < 1


def test_something_new_from_the_server_ends_the_waiting(device: Device) -> None:
    device.wakeups.wake(Reason.STANDING)
    assert device.goes_on(5)


def test_another_link_ends_the_waiting(device: Device) -> None:
    device.wakeups.wake(Reason.NETWORK)
    assert device.goes_on(5)


def test_a_clock_that_is_set_meanwhile_ends_the_waiting(device_with_no_clock: Device) -> None:
    assert not device_with_no_clock.goes_on(0.2)
    device_with_no_clock.clock_set = True
    assert device_with_no_clock.goes_on(5)
