"""Real TLS on loopback: the fleet's servers, and those that would like to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.network.proving import Prover
from pi_auto.wire.server_address import PUBLIC, ServerAddress
from support.certificates import Authority
from support.fleet_home import HEALTH, PROOF, FleetHome
from support.fleet_peer import FleetPeer, raw


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> FleetHome:
    return FleetHome(tmp_path_factory.mktemp("fleet"), "localhost")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> FleetHome:
    return FleetHome(tmp_path_factory.mktemp("other"), "localhost")


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for `localhost` by an authority of the world's, and that authority."""
    world = Authority(tmp_path_factory.mktemp("world"))
    return world.certificate("localhost"), world.ca


def at(peer: FleetPeer, host: str = "127.0.0.1", certificate: str = "fleet") -> ServerAddress:
    return ServerAddress(host, peer.port, certificate)


def prover(home: FleetHome, public_ca: Path | None = None) -> Prover:
    return Prover(home.card, public_ca=public_ca)


def test_a_server_of_the_fleet_is_believed_at_whatever_address(home: FleetHome) -> None:
    with home.server() as peer:
        endpoint = prover(home).prove(at(peer))
    assert endpoint.name == home.card.server_name
    assert endpoint.dialled == ("127.0.0.1", peer.port)


def test_an_impostor_with_the_right_answers_gets_not_even_a_question(
    home: FleetHome, other: FleetHome, public: tuple[Path, Path]
) -> None:
    for certificate in (other.certificate, public[0]):
        with home.server(certificate) as peer:
            with pytest.raises(ApiError, match="certificate"):
                prover(home).prove(at(peer))
            assert peer.received == []


def test_a_server_of_another_fleet_is_not_believed(home: FleetHome, other: FleetHome) -> None:
    with other.server(home.certificate) as peer, pytest.raises(ApiError, match="another fleet"):
        prover(home).prove(at(peer))


def test_a_router_that_answers_with_its_page_is_not_believed(home: FleetHome) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>"
    with home.server() as peer:
        peer.always[HEALTH] = raw(page)
        with pytest.raises(ApiError, match="no JSON object"):
            prover(home).prove(at(peer))


def test_what_speaks_no_tls_is_not_believed(home: FleetHome) -> None:
    with FleetPeer() as peer, pytest.raises(ApiError):
        prover(home).prove(at(peer))


def test_a_public_certificate_and_a_proof_of_the_fleet_are_believed(
    home: FleetHome, public: tuple[Path, Path]
) -> None:
    with home.server(public[0]) as peer:
        endpoint = prover(home, public[1]).prove(at(peer, "localhost", PUBLIC))
    assert endpoint.name == "localhost"


def test_a_public_certificate_alone_is_not_believed(
    home: FleetHome, other: FleetHome, public: tuple[Path, Path]
) -> None:
    with home.server(public[0]) as peer:
        peer.always[PROOF] = lambda handler, body: handler.say(200, other.prove(body))
        with pytest.raises(ApiError, match="not the fleet's"):
            prover(home, public[1]).prove(at(peer, "localhost", PUBLIC))


def test_a_proof_that_was_overheard_is_not_believed(home: FleetHome, public: tuple[Path, Path]) -> None:
    overheard = home.prove({"nonce": "x" * 43})
    with home.server(public[0]) as peer:
        peer.always[PROOF] = lambda handler, _: handler.say(200, overheard)
        with pytest.raises(ApiError, match="answers another question"):
            prover(home, public[1]).prove(at(peer, "localhost", PUBLIC))


def test_a_proof_that_an_impostor_hands_on_is_not_believed(public: tuple[Path, Path], tmp_path: Path) -> None:
    """It asks the real server, which has another name than the one that the impostor has a certificate for."""
    home = FleetHome(tmp_path, "scans.example")
    with home.server(public[0]) as peer, pytest.raises(ApiError, match="does not go by the name localhost"):
        prover(home, public[1]).prove(at(peer, "localhost", PUBLIC))


@pytest.mark.parametrize("answer", [{}, {"payloadType": 1}, {"payloadType": "x", "payload": "", "signatures": []}])
def test_a_proof_that_is_none_is_not_believed(
    home: FleetHome, public: tuple[Path, Path], answer: dict[str, object]
) -> None:
    with home.server(public[0]) as peer:
        peer.always[PROOF] = lambda handler, _: handler.say(200, answer)
        with pytest.raises(ApiError, match="does not prove the fleet"):
            prover(home, public[1]).prove(at(peer, "localhost", PUBLIC))
