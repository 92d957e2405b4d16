"""A device without a card, whose clock is wrong, before servers over real TLS: what binds it all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pi_auto.client.agent.binding import seeking
from pi_auto.client.agent.binding.seeking import CODE, Met, Seeker
from pi_auto.client.agent.network.candidates import Candidate
from pi_auto.wire.binding import commitment_of
from pi_auto.wire.server_address import ServerAddress
from support.fleet_home import HEALTH, PROOF, FleetHome
from support.fleet_peer import FleetPeer

CARD = "/api/fleet_card"
NOW = datetime.now(UTC).replace(microsecond=0)
TO_COME, LONG_AGO = NOW + timedelta(days=400), NOW - timedelta(days=800)
DAY = timedelta(days=1)
NOBODY = "n" * 43
Says = Callable[[FleetHome, str], dict[str, Any]]


@pytest.fixture(scope="module")
def ahead(tmp_path_factory: pytest.TempPathFactory) -> FleetHome:
    """A fleet of which this clock knows nothing yet."""
    return FleetHome(tmp_path_factory.mktemp("ahead"), made=TO_COME)


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> FleetHome:
    """A fleet whose certificate ran out."""
    return FleetHome(tmp_path_factory.mktemp("former"), made=LONG_AGO)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody else is to be found either."""
    monkeypatch.setattr(seeking, "PATIENCE", 2.0)


@pytest.fixture
def peer(ahead: FleetHome) -> Iterator[FleetPeer]:
    with serving(ahead, at(TO_COME + DAY)) as peer:
        yield peer


def at(moment: datetime) -> Says:
    """The fleet's word that it is so late."""
    return lambda home, nonce: home.proof(moment, nonce)


def serving(home: FleetHome, says: Says) -> FleetPeer:
    peer = home.server()
    peer.always[CARD] = lambda handler, _: handler.say(200, home.card.to_json())
    peer.always[PROOF] = lambda handler, body: handler.say(200, says(home, body["nonce"]))
    return peer


def seek(home: FleetHome, peer: FleetPeer) -> tuple[Seeker, Met | list[str]]:
    """By the commitment in a fleet's code."""
    seeker = Seeker(lambda card: commitment_of(card) == commitment_of(home.card))
    found = Candidate(ServerAddress("127.0.0.1", peer.port), CODE)
    return seeker, seeker.seek(home.fleet.fleet_id, [found])


def test_a_clock_before_the_servers_certificate_is_corrected_by_the_fleets_word(
    ahead: FleetHome, peer: FleetPeer
) -> None:
    _, met = seek(ahead, peer)
    assert isinstance(met, Met)
    assert met.endpoint.as_of
    assert TO_COME + DAY <= met.endpoint.as_of() < TO_COME + DAY + timedelta(minutes=5)
    assert [path for path, _ in peer.received] == [CARD, PROOF, HEALTH, CARD]


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(at(NOW), id="the fleet says that the certificate is not good yet"),
        pytest.param(lambda home, _: home.proof(TO_COME + DAY, NOBODY), id="overheard"),
    ],
)
def test_without_a_good_word_nothing_is_told_to_it(ahead: FleetHome, says: Says) -> None:
    with serving(ahead, says) as peer:
        seeker, met = seek(ahead, peer)
        assert {path for path, _ in peer.received} == {CARD, PROOF}
    assert (isinstance(met, Met), seeker.met_wrong_dates) == (False, True)


def test_a_certificate_that_ran_out_gets_nobody_though_it_hands_the_question_on(former: FleetHome) -> None:
    with serving(former, at(NOW)) as peer:
        seeker, met = seek(former, peer)
        assert {path for path, _ in peer.received} == {CARD, PROOF}
    assert (isinstance(met, Met), seeker.met_wrong_dates) == (False, True)
