"""The way to server and hub, over real sockets and real TLS: each step that can fail has its own name."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.doctor import asking, greeting
from pi_auto.client.doctor.asking import ask_server
from pi_auto.client.doctor.checks import clock, hub, server, update
from pi_auto.client.doctor.exchange import Stop
from pi_auto.client.doctor.findings import State
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.doctor.proof import ask_and_have_it_proven
from pi_auto.client.proxy import Proxy
from pi_auto.client.settings import Settings
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import HubDial
from pi_auto.wire.server_address import ServerAddress
from pi_auto.wire.times import format_time
from support.certificates import Authority
from support.fleet_home import FleetHome
from support.fleet_peer import UPDATES, Fault, FleetPeer, answer, drip, raw, status
from support.patients import TOKEN, Device
from support.proxy import ConnectProxy

HEALTH = "/api/health"
NAME = "k3.pi-auto"
PORTAL = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 19\r\n\r\n<html>log in</html>"


def health(ahead: float = 0.0, **changes: Any) -> Fault:
    """What a server of ours says, its clock ahead of this one by so many seconds."""
    timestamp = format_time(datetime.now(UTC) + timedelta(seconds=ahead))
    return answer({"service": "barcode_scanner_server", "version": "0.1.0", "timestamp": timestamp} | changes)


@pytest.fixture
def peer() -> Iterator[FleetPeer]:
    with FleetPeer() as peer:
        peer.always[HEALTH] = health()
        yield peer


@pytest.fixture
def secure(authority: Authority) -> Iterator[FleetPeer]:
    with FleetPeer(certificate=authority.certificate(NAME)) as peer:
        peer.always[HEALTH] = health()
        yield peer


def named(peer: FleetPeer, name: str = NAME, ca: Path | None = None) -> Settings:
    return Settings(server_url=f"https://{name}", server_address=f"127.0.0.1:{peer.port}", server_ca=ca)


def test_a_server_of_ours_is_recognised(peer: FleetPeer) -> None:
    met = ask_server(Settings(server_url=peer.url))
    assert (met.stop, met.said, met.address) == (Stop.ARRIVED, "version 0.1.0", f"127.0.0.1 port {peer.port}")


def test_the_right_certificate_is_believed(secure: FleetPeer, authority: Authority) -> None:
    assert ask_server(named(secure, ca=authority.ca)).stop is Stop.ARRIVED


def test_by_a_proxy_the_whole_way_is_gone_too(secure: FleetPeer, authority: Authority) -> None:
    with ConnectProxy(resolve={f"{NAME}:443": ("127.0.0.1", secure.port)}) as there:
        settings = Settings(
            server_url=f"https://{NAME}", server_ca=authority.ca, proxy=Proxy("127.0.0.1", there.port)
        )
        assert ask_server(settings).stop is Stop.ARRIVED
    with ConnectProxy(answer=b"HTTP/1.1 407 Who are you\r\n\r\n") as closed:
        met = ask_server(replace(settings, proxy=Proxy("127.0.0.1", closed.port)))
    assert (met.stop, "status 407" in met.said) == (Stop.PROXY, True)


def test_nothing_set_leads_nowhere() -> None:
    assert ask_server(Settings()).stop is Stop.UNSET


def test_a_name_without_an_address() -> None:
    assert ask_server(Settings(server_url="https://no-such-host.invalid")).stop is Stop.NAME


def test_a_port_at_which_nobody_listens() -> None:
    assert ask_server(Settings(server_url="http://127.0.0.1:1")).stop is Stop.REFUSED


def test_plain_http_where_tls_is_expected(peer: FleetPeer, authority: Authority) -> None:
    assert ask_server(named(peer, ca=authority.ca)).stop is Stop.NO_TLS


def test_authorities_that_are_none(secure: FleetPeer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    assert ask_server(named(secure, ca=tmp_path / "ca.pem")).stop is Stop.AUTHORITIES


def test_an_authority_that_is_not_believed(secure: FleetPeer, tmp_path: Path) -> None:
    assert ask_server(named(secure, ca=Authority(tmp_path).ca)).stop is Stop.CHAIN
    assert ask_server(named(secure)).stop is Stop.CHAIN


@pytest.mark.parametrize("name", ["other.pi-auto", "127.0.0.1"])
def test_a_certificate_of_another_name(secure: FleetPeer, authority: Authority, name: str) -> None:
    assert ask_server(named(secure, name, authority.ca)).stop is Stop.NAMED


def test_a_certificate_that_has_run_out_and_is_right_otherwise(authority: Authority) -> None:
    with FleetPeer(certificate=authority.certificate("late.pi-auto", days=-1)) as peer:
        assert ask_server(named(peer, "late.pi-auto", authority.ca)).stop is Stop.DATES
        assert peer.received == []


def test_a_certificate_that_has_run_out_and_is_not_right_anyway(authority: Authority) -> None:
    with FleetPeer(certificate=authority.certificate("old.pi-auto", days=-1)) as peer:
        assert ask_server(named(peer, "other.pi-auto", authority.ca)).stop is not Stop.DATES


@pytest.mark.parametrize(
    ("fault", "stop"),
    [
        (raw(PORTAL), Stop.STRANGER),
        (status(302, Location="http://192.168.1.1/login"), Stop.STRANGER),
        (status(401), Stop.STRANGER),
        (status(404), Stop.STRANGER),
        (answer({"service": "router"}), Stop.STRANGER),
        (answer({"service": ["barcode_scanner_server"]}), Stop.STRANGER),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), Stop.STRANGER),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 2_000_000), Stop.STRANGER),
        (status(503), Stop.UNWELL),
        (status(500), Stop.UNWELL),
        (raw(b""), Stop.UNWELL),
    ],
)
def test_what_answers_in_another_way_is_not_ours_or_not_well(peer: FleetPeer, fault: Fault, stop: Stop) -> None:
    peer.always[HEALTH] = fault
    assert ask_server(Settings(server_url=peer.url)).stop is stop


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As patient as a test can be."""
    for module in (asking, greeting):
        monkeypatch.setattr(module, "TO_CONNECT", 0.3)
    monkeypatch.setattr(asking, "TO_ANSWER", 0.3)


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_never_ends_is_left(peer: FleetPeer) -> None:
    peer.always[HEALTH] = drip
    began = time.monotonic()
    assert ask_server(Settings(server_url=peer.url)).stop is Stop.UNWELL
    assert time.monotonic() - began < 3


@pytest.mark.usefixtures("impatient")
def test_a_server_that_says_no_more_than_tcp_has_no_tls(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(server_url=f"https://{NAME}", server_address=address, server_ca=authority.ca)
        met = ask_server(settings)
        assert (met.stop, met.said) == (Stop.NO_TLS, "no answer in time")


@pytest.mark.parametrize("timestamp", ["yesterday", 7, None])
def test_a_server_that_tells_no_time_is_ours_all_the_same(peer: FleetPeer, timestamp: Any) -> None:
    peer.always[HEALTH] = health(timestamp=timestamp)
    met = ask_server(Settings(server_url=peer.url))
    assert (met.stop, met.ahead) == (Stop.ARRIVED, None)


def test_the_server_is_asked_once_for_its_own_check_and_the_clocks(peer: FleetPeer, tmp_path: Path) -> None:
    peer.always[HEALTH] = health(ahead=3600.0)
    patient = Device(tmp_path, peer.url).patient
    assert server.look(patient).state is State.OK
    assert "behind the server's" in clock.look(patient).what
    assert peer.calls(HEALTH) == 1


@pytest.mark.parametrize(
    ("post", "state", "words"),
    [
        ({"ok": True, "said": "connected", "host": "hub.test"}, State.OK, "connected"),
        (
            {"ok": False, "said": "it rejects this device", "host": "hub.test"},
            State.WRONG,
            "it rejects this device",
        ),
        (None, State.WARN, "the agent tells nothing"),
    ],
)
def test_a_hub_that_can_be_reached_is_as_the_agent_tells(
    device: Device, post: dict[str, Any] | None, state: State, words: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        device.register(HubDial("127.0.0.1", door.getsockname()[1], tls=False))
        if post:
            device.agent_posts(hub=post)
        verdict = hub.look(device.patient)
    assert verdict.state is state
    assert words in verdict.what


def test_a_hub_that_nobody_reaches_is_the_networks_fault(device: Device) -> None:
    device.register(HubDial("127.0.0.1", 1, tls=False))
    device.agent_posts(hub={"ok": False, "said": "lost", "host": "hub.test"})
    assert "must let TCP to 127.0.0.1 port 1 out" in hub.look(device.patient).remedy


def test_a_hub_that_is_reached_by_websocket_alone_is_reached(device: Device) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        device.register(HubDial("127.0.0.1", 1, tls=True, websocket_port=port))
        device.agent_posts(hub={"ok": True, "said": "connected", "host": "hub.test"})
        verdict = hub.look(device.patient)
    assert verdict.state is State.OK
    assert f"127.0.0.1 port {port}" in verdict.what


def test_a_hub_that_the_server_has_switched_off_is_no_fault(device: Device) -> None:
    device.register(with_hub=False)
    assert hub.look(device.patient).state is State.OK


def test_a_connection_string_that_is_none_is_told_without_its_key(device: Device) -> None:
    device.register()
    file = device.state / "agent/registration.json"
    told = json.loads(file.read_text())
    told["answer"]["connection_string"] = "HostName=hub.test;SharedAccessKey=c2VjcmV0IG9mIG1pbmU="
    file.write_text(json.dumps(told))
    verdict = hub.look(device.patient)
    assert verdict.state is State.WRONG
    assert "c2VjcmV0" not in verdict.what


@pytest.mark.parametrize(("offer", "words"), [(None, "updates are off"), ("9.9.9", "updates are off")])
def test_the_question_about_updates_is_asked(
    peer: FleetPeer, tmp_path: Path, offer: str | None, words: str
) -> None:
    device = Device(tmp_path, peer.url)
    device.register()
    peer.tokens.append(TOKEN)
    peer.offer = offer
    verdict = update.look(device.patient)
    assert verdict.state is State.OK
    assert words in verdict.what


def test_a_server_that_does_not_take_the_token_answers_no_question(peer: FleetPeer, tmp_path: Path) -> None:
    device = Device(tmp_path, peer.url)
    device.register()
    device.agent_posts(update={"ok": True, "said": "no update", "version": None, "at": "2026-11-23T12:00:00.000Z"})
    verdict = update.look(device.patient)
    assert verdict.state is State.WRONG
    assert "401" in verdict.what
    assert "no update (asked at 2026-11-23T12:00:00.000Z)" in verdict.what
    assert peer.calls(UPDATES) == 1


class TestWithACard:
    @pytest.fixture
    def home(self, tmp_path: Path) -> FleetHome:
        folder = tmp_path / "fleet"
        folder.mkdir()
        return FleetHome(folder)

    def holding(self, card: FleetCard, peer: FleetPeer, tmp_path: Path) -> Settings:
        """A device with the card, whose server is said to be where `peer` is."""
        file = tmp_path / "fleet.json"
        file.write_text(json.dumps(replace(card, servers=(ServerAddress("127.0.0.1", peer.port),)).to_json()))
        return Settings(state=tmp_path / "state", fleet_card=file)

    def test_a_server_that_proves_the_fleet_is_recognised(self, home: FleetHome, tmp_path: Path) -> None:
        with home.server() as peer:
            device = self.holding(home.card, peer, tmp_path)
            assert ask_and_have_it_proven(device).stop is Stop.ARRIVED
            (tmp_path / "state" / "agent").mkdir(parents=True)
            verdict = server.look(Patient(device))
        assert verdict.state is State.OK
        assert home.card.fleet_id in verdict.what

    def test_an_impostor_is_told_by_its_certificate(
        self, home: FleetHome, authority: Authority, tmp_path: Path
    ) -> None:
        with home.server(authority.certificate(home.card.server_name)) as peer:
            device = self.holding(home.card, peer, tmp_path)
            assert ask_and_have_it_proven(device).stop is Stop.CHAIN
            assert "does not prove fleet" in server.look(Patient(device)).what
        assert peer.received == []

    def test_one_that_says_it_is_of_another_fleet_is_told(self, home: FleetHome, tmp_path: Path) -> None:
        with home.server() as peer:
            peer.always[HEALTH] = health(fleet_id="another12345")
            met = ask_and_have_it_proven(self.holding(home.card, peer, tmp_path))
        assert met.stop is Stop.UNPROVEN
        assert "another12345" in met.said

    def test_a_damaged_card_is_no_server(self, tmp_path: Path) -> None:
        file = tmp_path / "fleet.json"
        file.write_text("{")
        met = ask_and_have_it_proven(Settings(server_url="https://fleet.example", fleet_card=file))
        assert met.stop is Stop.UNSET
        assert "is no fleet card" in met.said
