from __future__ import annotations

from itertools import chain
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_auto.client.agent.hub.carriers import Carrier, Carriers

M, W = Carrier.MQTT, Carrier.WEBSOCKET
BOTH = (M, W)
HOUR = 3600.0


class Device:
    """Goes on dialling; `open_ways` are those that lead to the hub."""

    def __init__(self) -> None:
        self.carriers = Carriers(Random(1))
        self.now = 0.0
        self.link = "eth0"
        self.offered: tuple[Carrier, ...] = BOTH

    def turn(self, *open_ways: Carrier) -> list[Carrier]:
        """What is tried before the device waits again."""
        tried = []
        while True:
            tried.append(self.carriers.next(self.offered, self.link, self.now))
            if tried[-1] in open_ways:
                self.carriers.worked(self.now)
                return tried
            if not self.carriers.failed():
                return tried


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.mark.parametrize(
    ("open_ways", "tried"),
    [
        ((M, W), [[M], [M], [M]]),
        ((M,), [[M], [M], [M]]),
        ((W,), [[M, W], [W], [W]]),  # 8883 is blocked: found out at once, and remembered
        ((), [[M, W], [M], [M], [W], [M], [M], [W]]),  # the hub is down: one try a turn from then on
    ],
)
def test_8883_comes_first_and_443_where_it_leads_nowhere(
    device: Device, open_ways: tuple[Carrier, ...], tried: list[list[Carrier]]
) -> None:
    assert [device.turn(*open_ways) for _ in tried] == tried


def test_what_worked_last_gets_two_tries_for_each_of_the_other(device: Device) -> None:
    device.turn(W)
    assert list(chain(*(device.turn() for _ in range(6)))) == [W, W, M, W, W, M]


def test_a_fleet_that_has_lost_its_hub_makes_one_try_a_turn(device: Device) -> None:
    device.turn(M)
    assert [device.turn() for _ in range(6)] == [[M], [M], [W], [M], [M], [W]]


def test_where_8883_gets_blocked_443_is_found(device: Device) -> None:
    device.turn(M)
    assert [device.turn(W) for _ in range(4)] == [[M], [M], [W], [W]]


def test_after_some_hours_by_websocket_8883_is_tried_again(device: Device) -> None:
    device.turn(W)
    device.now = 4 * HOUR
    assert device.turn(W) == [W]
    device.now = 8 * HOUR
    assert device.turn(W) == [M, W]
    device.now = 9 * HOUR
    assert device.turn(M, W) == [W]
    device.now = 16 * HOUR
    assert device.turn(M, W) == [M]
    device.now = 90 * HOUR
    assert device.turn(M, W) == [M]


def test_new_tokens_do_not_put_that_off(device: Device) -> None:
    tried = []
    for renewal in range(10):
        device.now = renewal * HOUR
        tried += device.turn(W)
    assert tried.count(M) == 2


def test_another_link_is_another_network(device: Device) -> None:
    device.turn(W)
    device.link = "wlan0"
    assert device.turn(W) == [M, W]
    device.link = "eth0"
    assert device.turn(M, W) == [M]


@pytest.mark.parametrize("only", BOTH)
def test_where_one_is_offered_it_is_the_only_one(device: Device, only: Carrier) -> None:
    device.offered = (only,)
    assert [device.turn() for _ in range(5)] == [[only]] * 5


def test_another_hub_with_other_ways_is_dialled_anew(device: Device) -> None:
    device.turn(W)
    device.offered = (M,)
    assert device.turn(M) == [M]
    device.offered = BOTH
    assert device.turn(M, W) == [M]


@given(
    turns=st.lists(st.sampled_from([(), (M,), (W,), BOTH]), max_size=40),
    last=st.sampled_from([(M,), (W,)]),
    links=st.lists(st.sampled_from(["eth0", "wlan0"]), min_size=40, max_size=40),
)
def test_whatever_opens_and_closes_an_open_way_is_found_within_three_turns(
    turns: list[tuple[Carrier, ...]], last: tuple[Carrier, ...], links: list[str]
) -> None:
    device = Device()
    for turn, link in zip(turns, links, strict=False):
        before, device.link, device.now = device.link, link, device.now + 60.0
        tried = device.turn(*turn)
        assert len(tried) == len(set(tried))
        assert len(tried) == 1 or link != before or turn is turns[0] or device.now > 4 * HOUR
    found = [device.turn(*last)[-1] for _ in range(3)]
    assert found[-1] in last
