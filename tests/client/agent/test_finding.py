from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errands.finding import LONGEST, Finding
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.network.home import Home
from pi_auto.client.agent.network.keeping import kept_address
from pi_auto.client.agent.network.proving import Prover
from pi_auto.client.agent.telling import Telling
from pi_auto.client.bulletin import Bulletin
from pi_auto.wire.server_address import ServerAddress
from support.fleet_home import HEALTH, FleetHome
from support.fleet_peer import FleetPeer, status


@pytest.fixture
def fleet(tmp_path: Path) -> FleetHome:
    return FleetHome(tmp_path)


class Searcher:
    """A device's search, with a card that names `places`."""

    def __init__(self, folder: Path, fleet: FleetHome, *places: ServerAddress) -> None:
        self.folder = folder
        self.home = Home(doubted=lambda: None)
        self.moves = 0
        office = SimpleNamespace(home=self.home, folder=folder, telling=Telling(Bulletin(folder)), rng=Random(1))
        prover = Prover(fleet.fleet.card(places))
        self.finding = Finding(cast(Office, office), prover, (), self._moved)

    def _moved(self) -> None:
        self.moves += 1


def at(peer: FleetPeer) -> ServerAddress:
    return ServerAddress("127.0.0.1", peer.port)


@pytest.mark.parametrize("content", ["", "[]", "[" * 20_000, '{"host": 5}'])
def test_a_damaged_address_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "home.json").write_text(content)
    assert kept_address(tmp_path) is None


def test_what_is_found_is_kept_and_not_searched_for_again(tmp_path: Path, fleet: FleetHome) -> None:
    with fleet.server() as peer:
        searcher = Searcher(tmp_path, fleet, at(peer))
        assert searcher.finding.due() == 0.0
        searcher.finding.run()
        assert kept_address(tmp_path) == at(peer)
        assert (searcher.moves, searcher.home.endpoint().dialled) == (1, ("127.0.0.1", peer.port))
        assert searcher.finding.due() == float("inf")


def test_another_network_is_a_reason_to_search_at_once_and_not_to_tell_of_a_move(
    tmp_path: Path, fleet: FleetHome
) -> None:
    with fleet.server() as peer:
        searcher = Searcher(tmp_path, fleet, at(peer))
        searcher.finding.run()
        searcher.finding.network_changed()
        assert searcher.finding.due() == 0.0
        searcher.finding.run()
        assert peer.calls(HEALTH) == 2
        assert searcher.moves == 1


def test_a_server_that_is_somewhere_else_now_is_a_move(tmp_path: Path, fleet: FleetHome) -> None:
    with fleet.server() as second:
        second.fail(HEALTH, status(503))  # not there yet, however slow the first one is
        with fleet.server() as first:
            searcher = Searcher(tmp_path, fleet, at(first), at(second))
            searcher.finding.run()
        second.faults.clear()
        searcher.home.doubt(searcher.home.endpoint())
        searcher.finding.run()
        assert (searcher.moves, searcher.home.endpoint().dialled) == (2, ("127.0.0.1", second.port))


def test_a_fleet_that_has_lost_its_server_searches_evenly() -> None:
    """10,000 devices, ten minutes into an outage; a search of nothing lasts 6 s, which is mDNS."""
    tries: Counter[int] = Counter()
    for number in range(10_000):
        pauses, now = Backoff(Random(number), longest=LONGEST), 0.0
        while now < 700.0:
            tries[int(now)] += 1
            now += 6.0 + pauses.next()
    late = [tries[second] for second in range(600, 700)]
    assert 430 < sum(late) / len(late) < 520
    assert max(late) < 600
