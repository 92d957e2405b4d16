from __future__ import annotations

import itertools
import time
from random import Random

import pytest

from pi_auto.client.agent.enrolment.search import LONGEST, Search
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.settings import Settings
from pi_auto.wire.registration import HubDial
from support.fleet_peer import REGISTER, FleetPeer
from support.mqtt_peer import MqttPeer
from support.stored import StoredScans
from support.waiting import wait_until

from .conftest import nobody, running


def asked_at(seed: int, until: float) -> list[float]:
    """When a device asks whose hub is lost at 1000 s, never to be found."""
    search, moments = Search(Random(seed)), []
    while (moment := search.due(1000.0)) < 1000.0 + until:
        moments.append(moment - 1000.0)
        search.asked(moment)
    return moments


def test_a_device_whose_hub_is_there_asks_for_nothing() -> None:
    assert Search(Random(1)).due(None) == float("inf")


@pytest.mark.parametrize("seed", range(20))
def test_it_asks_after_about_two_minutes_and_then_ever_more_seldom(seed: int) -> None:
    moments = asked_at(seed, 86400.0)
    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert 90.0 <= moments[0] <= 180.0
    assert max(pauses) <= LONGEST
    assert 24 <= len(moments) <= 40


def test_a_fleet_does_not_ask_as_one() -> None:
    first = sorted(asked_at(seed, 300.0)[0] for seed in range(2000))
    busiest = max(sum(1 for other in first if moment <= other < moment + 1) for moment in first[::50])
    assert busiest < 60


def test_a_hub_that_is_found_and_lost_again_is_a_new_loss() -> None:
    search = Search(Random(1))
    search.due(1000.0)
    search.asked(5000.0)
    assert search.due(None) == float("inf")
    assert 9090.0 <= search.due(9000.0) <= 9180.0


def test_the_loss_counts_from_its_beginning_until_the_hub_is_heard() -> None:
    calls: list[str] = []
    standing = Standing(None, Random(1), 300.0, asked=lambda: calls.append("asked"), changed=nobody)
    standing.lose("hub", 5.0)
    standing.lose("hub", 9.0)
    assert (standing.lost_since(), calls) == (5.0, ["asked"])
    standing.content("hub")
    assert standing.lost_since() is None


def test_a_hub_that_has_moved_is_found_without_a_restart(
    settings: Settings, server: FleetPeer, hub: MqttPeer, stored: StoredScans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_auto.client.agent.enrolment.search.FIRST", 0.3)
    with MqttPeer() as gone:
        right, server.hub = server.hub, HubDial("127.0.0.1", gone.port, tls=False)
    stored.scan("one")
    with running(settings):
        wait_until(lambda: server.calls(REGISTER), what="the registration")
        server.hub = right
        wait_until(hub.bodies, what="the scan at the new address")
        calls, began = server.calls(REGISTER), time.monotonic()
        wait_until(lambda: time.monotonic() - began > 1, what="a while to pass")
        assert server.calls(REGISTER) == calls
