"""Servers whose certificates are good but for the dates, over real TLS: one question goes there, nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.errors import ApiError, WrongDates
from pi_auto.client.agent.network.proving import Prover
from pi_auto.client.agent.timekeeping import dateless
from pi_auto.client.agent.timekeeping.boots import EPOCH
from pi_auto.client.agent.timekeeping.fleet_clock import FleetClock, SignedTime
from pi_auto.client.agent.timekeeping.minding_dates import MindingDates
from pi_auto.client.agent.timekeeping.timekeeper import Timekeeper
from pi_auto.client.clock import boottime_ns, read_clock
from pi_auto.client.clockfloor.proven import MOST_PROOF, claimed_in
from pi_auto.client.clockfloor.raising import PROOF_FILE
from pi_auto.wire.server_address import PUBLIC, ServerAddress
from support.certificates import Authority
from support.fleet_home import HEALTH, PROOF, FleetHome
from support.fleet_peer import Fault, FleetPeer, drip, hang, raw

NOW = datetime.now(UTC)
MADE = {"not yet valid": NOW + timedelta(days=400), "run out": NOW - timedelta(days=800)}
DAY = timedelta(days=1)
YEAR_2099 = datetime(2099, 1, 1, tzinfo=UTC)
NOBODY = "n" * 43
LARGE = {"x": "x" * MOST_PROOF}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FleetHome]:
    """Fleets whose certificates this machine's clock takes for not yet valid, or for run out."""
    return {
        name: FleetHome(tmp_path_factory.mktemp("fleet"), "localhost", made=made) for name, made in MADE.items()
    }


@pytest.fixture
def home(homes: dict[str, FleetHome]) -> FleetHome:
    return homes["not yet valid"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of the world's."""
    return Authority(tmp_path_factory.mktemp("world"))


class Device:
    """As much of an agent as tells the time."""

    def __init__(
        self, folder: Path, home: FleetHome, public_ca: Path | None = None, floor: datetime = EPOCH
    ) -> None:
        self.proof, self.floor, self.synced = folder / PROOF_FILE, floor, False
        self.times = Timekeeper(folder, lambda: replace(read_clock(), synced=self.synced))
        clock = FleetClock(home.card, folder, self.times, lambda: self.floor)
        self.prover = MindingDates(home.card, public_ca=public_ca, clock=clock)

    def meets(self, peer: FleetPeer, host: str = "127.0.0.1", certificate: str = "fleet") -> str:
        """Why that server is not used."""
        with pytest.raises(ApiError) as refused:
            self.prover.prove(ServerAddress(host, peer.port, certificate))
        return str(refused.value)

    def knows_nothing(self) -> bool:
        return not self.proof.exists() and self.times.this_boot().offset_ns is None


@pytest.mark.parametrize("name", MADE)
def test_only_the_time_is_asked_where_only_the_dates_are_wrong(
    homes: dict[str, FleetHome], tmp_path: Path, name: str
) -> None:
    device, before = Device(tmp_path, homes[name]), datetime.now(UTC)
    with homes[name].server() as peer:
        said = device.meets(peer)
    days = {f"the fleet that it is {moment:%Y-%m-%d}" for moment in (before, datetime.now(UTC))}  # at midnight two
    assert [day for day in days if day in said]
    ((path, question),) = peer.received
    assert path == PROOF
    assert set(question) == {"nonce"}
    assert json.loads(device.proof.read_text())["payloadType"].endswith("fleet-proof.v1+json")
    boot = device.times.this_boot()
    known = boot.time_of(read_clock().boottime_ns)
    assert boot.by_fleet
    assert known
    assert abs((known[0] - datetime.now(UTC)).total_seconds()) * 1000 <= known[1]


def test_a_prover_that_minds_no_dates_sends_nothing_at_all(home: FleetHome) -> None:
    with home.server() as peer:
        with pytest.raises(WrongDates, match="not yet valid"):
            Prover(home.card).prove(ServerAddress("127.0.0.1", peer.port))
        assert peer.received == []


def saying(moment: Callable[[], datetime], home: FleetHome) -> FleetPeer:
    """A server of the fleet's, whose clock says something else than this machine's."""
    peer = home.server()
    peer.always[PROOF] = lambda handler, body: handler.say(200, home.proof(moment(), body["nonce"]))
    return peer


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("synced", [True, False])
def test_a_clock_that_is_wrong_keeps_no_device_from_its_fleet(
    homes: dict[str, FleetHome], tmp_path: Path, name: str, synced: bool
) -> None:
    truth = MADE[name] + DAY
    device = Device(tmp_path, homes[name])
    device.synced = synced
    with saying(lambda: truth, homes[name]) as peer:
        endpoint = device.prover.prove(ServerAddress("127.0.0.1", peer.port))
        with closing(ServerApi(endpoint)) as api:
            assert api.get(HEALTH, {})["fleet_id"] == homes[name].fleet.fleet_id
        assert device.prover.prove(ServerAddress("127.0.0.1", peer.port)) == endpoint  # it has not moved
    boot = device.times.this_boot()
    assert boot.by_fleet  # whatever a time server has said: scans are dated by the fleet
    known = boot.time_of(read_clock().boottime_ns)
    assert known
    assert abs(known[0] - truth) < timedelta(minutes=1)


def test_a_connection_of_later_holds_the_certificate_against_the_time_of_later(
    homes: dict[str, FleetHome], tmp_path: Path
) -> None:
    home, truth = homes["run out"], [MADE["run out"] + DAY]
    device = Device(tmp_path, home)
    with saying(lambda: truth[0], home) as peer:
        endpoint = device.prover.prove(ServerAddress("127.0.0.1", peer.port))
        truth[0] = NOW
        with closing(ServerApi(endpoint)) as api:
            device.prover.clock.ask(partial(api.post, PROOF), endpoint.name)
            api.close()
            with pytest.raises(WrongDates, match="it is good from"):
                api.get(HEALTH, {})


def test_what_the_fleet_has_signed_goes_on_with_the_clock_that_never_steps(home: FleetHome) -> None:
    signed, said = claimed_in(home.proof(NOW))
    asked = boottime_ns() - 86_400_000_000_000
    went_on = SignedTime(signed, said, asked, asked + 1_000_000_000).now() - said.time
    assert timedelta(days=1) <= went_on < timedelta(days=1, minutes=1)


def test_a_server_whose_clock_was_set_back_brings_no_certificate_back(
    homes: dict[str, FleetHome], tmp_path: Path
) -> None:
    home = homes["run out"]
    device = Device(tmp_path, home, floor=NOW - DAY)
    with saying(lambda: MADE["run out"] + DAY, home) as peer:
        assert "it is good from" in device.meets(peer)
        assert {path for path, _ in peer.received} == {PROOF}


def test_the_network_s_time_counts_again_once_the_certificate_is_good_by_it(tmp_path: Path) -> None:
    home = FleetHome(tmp_path)
    device = Device(tmp_path, home)
    device.synced = True
    now = read_clock().boottime_ns
    device.times.told(NOW - 9 * DAY, now, now, overrules=True)
    device.times.look()
    assert device.times.this_boot().by_fleet
    with home.server() as peer:
        device.prover.prove(ServerAddress("127.0.0.1", peer.port))
    device.times.look()
    assert not device.times.this_boot().by_fleet


def test_several_addresses_with_wrong_dates_are_asked_once(home: FleetHome, tmp_path: Path) -> None:
    device = Device(tmp_path, home)
    with home.server() as peer:
        first, second = device.meets(peer), device.meets(peer)
    assert same_words(first[:60]) == same_words(second[:60])
    assert peer.calls(PROOF) == 1


def same_words(said: str) -> str:
    """Without the minute, which may be another one by now."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "MINUTE", said)


def test_an_impostor_with_wrong_dates_gets_not_even_the_question(
    homes: dict[str, FleetHome], world: Authority, tmp_path: Path
) -> None:
    home, other = homes.values()
    device = Device(tmp_path, home)
    for certificate in (other.certificate, world.certificate("run-out.example", days=-1)):
        with home.server(certificate) as peer:
            device.meets(peer)
            assert peer.received == []
    assert device.knows_nothing()


def test_a_public_certificate_of_another_name_that_ran_out_gets_not_even_the_question(
    home: FleetHome, world: Authority, tmp_path: Path
) -> None:
    device = Device(tmp_path, home, world.ca)
    with home.server(world.certificate("other.example", days=-1)) as peer:
        device.meets(peer, "localhost", PUBLIC)
        assert peer.received == []
    assert device.knows_nothing()


def test_behind_a_public_certificate_that_ran_out_the_fleet_tells_the_time(
    home: FleetHome, world: Authority, tmp_path: Path
) -> None:
    device = Device(tmp_path, home, world.ca)
    with home.server(world.certificate("localhost", days=-1)) as peer:
        assert "the fleet that it is" in device.meets(peer, "localhost", PUBLIC)
        assert [path for path, _ in peer.received] == [PROOF]
    assert device.proof.exists()


def _saying(proof: Callable[[FleetHome, FleetHome, str], dict[str, Any]]) -> Callable[..., Fault]:
    return lambda home, other: lambda handler, body: handler.say(200, proof(home, other, body["nonce"]))


def _altered(home: FleetHome, nonce: str) -> dict[str, Any]:
    return home.proof(NOW, nonce) | {"payload": home.proof(NOW + timedelta(days=9), nonce)["payload"]}


ANSWERS: dict[str, tuple[Callable[..., Fault], str]] = {
    "overheard": (_saying(lambda home, _o, _n: home.proof(NOW, NOBODY)), "answers another question"),
    "of another fleet": (_saying(lambda _h, other, nonce: other.proof(NOW, nonce)), "it is of the fleet"),
    "altered": (_saying(lambda home, _o, nonce: _altered(home, nonce)), "signature is not the fleet's"),
    "unsigned": (_saying(lambda home, _o, nonce: home.proof(NOW, nonce) | {"signatures": []}), "signatures"),
    "beyond the authority": (
        _saying(lambda home, _o, nonce: home.proof(YEAR_2099, nonce)), "names the year 2099",
    ),
    "too large": (_saying(lambda home, _o, nonce: home.proof(NOW, nonce) | LARGE), "bytes or more"),
    "a page": (lambda _h, _o: raw(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"), "does it tell the time"),
    "a redirect": (lambda _h, _o: raw(b"HTTP/1.1 302 No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), "302"),
    "no HTTP": (lambda _h, _o: raw(b"hello\r\n"), "does it tell the time"),
    "nothing": (lambda _h, _o: hang, "does it tell the time"),
    "a byte now and then": (lambda _h, _o: drip, "does it tell the time"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_none_moves_nothing(
    homes: dict[str, FleetHome], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dateless, "PATIENCE", 2.0)
    home, other = homes.values()
    make, reason = ANSWERS[name]
    device = Device(tmp_path, home)
    with home.server() as peer:
        peer.always[PROOF] = make(home, other)
        assert reason in device.meets(peer)
        assert {path for path, _ in peer.received} == {PROOF}
    assert device.knows_nothing()


def test_a_full_disk_keeps_no_proof_and_scans_get_their_time_all_the_same(home: FleetHome, tmp_path: Path) -> None:
    device = Device(tmp_path, home)
    device.proof.mkdir()  # no file can be put there
    with home.server() as peer:
        assert "the fleet that it is" in device.meets(peer)
    assert device.times.this_boot().by_fleet
