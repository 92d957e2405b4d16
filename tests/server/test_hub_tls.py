"""The hub speaks TLS by the fleet's name, and takes another certificate dropping nobody."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from pi_auto.client.agent.tls import context_for
from pi_auto.server.context import now_utc
from pi_auto.server.trust.authority import open_authority
from pi_auto.server.trust.sealing import sealing_key
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import HubDial, RegistrationAnswer
from support.batch_enrolling import card_of, enrol
from support.mqtt import PahoDevice
from support.server import UNTRUSTED, RunningServer, running_server
from support.tls import NamedContext, connect, place
from support.waiting import wait_until

WEBSOCKET = ("--hub-websocket", "127.0.0.1:0")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("hub-tls"), *WEBSOCKET, hub_mqtt="0.0.0.0:0") as running:
        yield running


@pytest.fixture(scope="module")
def card(server: RunningServer) -> FleetCard:
    return card_of(server, "spring")


@pytest.fixture(scope="module")
def device(server: RunningServer, card: FleetCard) -> RegistrationAnswer:
    return enrol(server, card, "00000000aaaaaaaa", host="localhost:5443")


def hub_of(answer: RegistrationAnswer) -> HubDial:
    assert answer.hub
    return answer.hub


def paho(answer: RegistrationAnswer, card: FleetCard) -> PahoDevice:
    credentials = ConnectionString.parse(answer.connection_string or "")
    return PahoDevice(("127.0.0.1", hub_of(answer).port), credentials, ca=card.ca)


def health(server: RunningServer) -> Any:
    with urllib.request.urlopen(f"http://{server.http}/api/health", timeout=20) as answer:
        return json.load(answer)


def shown_at(address: str, card: FleetCard) -> x509.Certificate:
    with connect(address, card) as connection:
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")


def mqtt(server: RunningServer) -> str:
    return f"127.0.0.1:{place(server.hub_mqtt)[1]}"


def test_a_device_is_told_the_fleets_name_and_where_it_reached_the_server(
    server: RunningServer, card: FleetCard, device: RegistrationAnswer
) -> None:
    assert f"HostName={card.server_name};" in (device.connection_string or "")
    told = hub_of(device)
    assert (told.address, told.port, told.tls) == ("localhost", place(server.hub_mqtt)[1], True)
    assert told.websocket_port == health(server)["tls"]["websocket"]


@pytest.mark.parametrize("lie", ["{fleet}:5443", "no host at all"])
def test_a_host_that_is_none_is_not_where_the_hub_is(server: RunningServer, card: FleetCard, lie: str) -> None:
    serial = f"00000000bbbbbb{len(lie):02x}"
    answer = enrol(server, card, serial, host=lie.format(fleet=card.server_name).replace(" ", "_"))
    assert hub_of(answer).address == "127.0.0.1"  # the server's own name, since it listens there


def test_health_tells_every_port_that_speaks_tls(server: RunningServer) -> None:
    told = health(server)["tls"]
    assert told["https"] == place(server.https)[1]
    assert told["mqtt"] == place(server.hub_mqtt)[1]
    assert told["websocket"] not in {0, told["mqtt"]}


def test_a_device_connects_that_knows_the_fleets_authority(card: FleetCard, device: RegistrationAnswer) -> None:
    with paho(device, card) as connected:
        connected.send_and_wait(b"{}")


@pytest.mark.parametrize("name", ["f2222222222222.pi-auto", "fleet.example.org"])
def test_a_device_refuses_a_hub_of_another_name(server: RunningServer, card: FleetCard, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        connect(mqtt(server), card, name)


def test_a_device_refuses_a_hub_of_another_authority(
    server: RunningServer, card: FleetCard, tmp_path: Path
) -> None:
    other = open_authority(tmp_path, sealing_key(tmp_path / "key", sealed=False), now_utc())
    plain = context_for(card.server_name, None, system_too=True)
    for believed in (NamedContext.of(other.pem, card.server_name), plain):
        with pytest.raises(ssl.SSLCertVerificationError):
            _dial(mqtt(server), believed)


def test_the_websockets_port_serves_devices_and_no_service(server: RunningServer, card: FleetCard) -> None:
    address = f"127.0.0.1:{health(server)['tls']['websocket']}"
    upgrade = (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n"
    )
    asked = {"/$iothub/websocket": b"HTTP/1.1 101", "/devices?api-version=2021-04-12": b"HTTP/1.1 404"}
    for path, begins in asked.items():
        with connect(address, card) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n".encode())
            assert connection.recv(200).startswith(begins), path


def test_a_rotation_drops_nobody_and_is_shown_to_all_that_come(
    server: RunningServer, card: FleetCard, device: RegistrationAnswer
) -> None:
    with paho(device, card) as connected, connect(server.https, card) as talking:
        before = {shown_at(address, card).serial_number for address in (server.https, mqtt(server))}
        talking.sendall(b"POST /api/register_device/nonce HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        said = _command(server, "fleet", "rotate-certificate")
        assert "server and hub show it" in said
        wait_until(
            lambda: shown_at(server.https, card).serial_number not in before, 10, "the server shows another"
        )
        assert shown_at(mqtt(server), card).serial_number == shown_at(server.https, card).serial_number
        talking.sendall(b"}")  # a request that was under way is answered all the same
        assert talking.recv(100).startswith(b"HTTP/1.1 200")
        connected.send_and_wait(b"{}")
        assert not connected.gone
    assert b"BEGIN PRIVATE KEY" not in b"".join(
        path.read_bytes() for path in server.data.rglob("*") if path.is_file()
    )


def test_many_rotations_leave_nothing_behind(server: RunningServer, card: FleetCard) -> None:
    held = _descriptors(server.worker())
    for _ in range(5):
        _command(server, "fleet", "rotate-certificate")
        shown_at(server.https, card)
    wait_until(lambda: _descriptors(server.worker()) <= held + 8, 20, "old servers let go of what they held")


def test_after_a_leak_the_operator_is_told_until_when_the_old_key_is_good(
    server: RunningServer, card: FleetCard
) -> None:
    ends = shown_at(server.https, card).not_valid_after_utc
    said = _command(server, "fleet", "rotate-certificate", "--leaked")
    assert f"until {ends:%Y-%m-%d}" in said.splitlines()[1]


def test_a_hub_that_outlived_its_server_keeps_its_devices_and_gets_the_certificate(tmp_path: Path) -> None:
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as first:
        card, hub = card_of(first, "one"), first.hub()
        answer = enrol(first, card, "00000000cccccccc")
        with paho(answer, card) as connected:
            first.kill()
            (first.data / "trust" / "server.pem").unlink()  # so that the next start makes another
            with running_server(tmp_path, hub_mqtt=first.hub_mqtt) as second:
                assert second.hub() == hub
                shown = shown_at(second.hub_mqtt, card).serial_number
                assert shown == shown_at(second.https, card).serial_number
                connected.send_and_wait(b"{}")


def test_a_hub_without_tls_is_replaced_by_one_with(tmp_path: Path) -> None:
    with running_server(tmp_path, *UNTRUSTED, hub_mqtt="127.0.0.1:0") as first:
        first.kill()
        with running_server(tmp_path, hub_mqtt=first.hub_mqtt) as second:
            shown_at(second.hub_mqtt, card_of(second, "one"))


def test_a_worker_that_dies_after_a_rotation_is_followed_by_one_that_shows_the_new_certificate(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path) as running:
        card, killed = card_of(running, "one"), running.worker()
        _command(running, "fleet", "rotate-certificate")
        rotated = wait_until(lambda: shown_at(running.https, card).serial_number, 10, "the new certificate")
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: running.worker() not in {0, killed}, 20, "another worker")
        assert wait_until(lambda: _shown_or_none(running.https, card), 20, "an answer") == rotated


def _shown_or_none(address: str, card: FleetCard) -> int | None:
    try:
        return shown_at(address, card).serial_number
    except OSError:
        return None


def _dial(address: str, context: ssl.SSLContext) -> None:
    with socket.create_connection(place(address), timeout=20) as plain:
        context.wrap_socket(plain, server_hostname=None if isinstance(context, NamedContext) else "x").close()


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _command(server: RunningServer, *words: str) -> str:
    told = subprocess.run(
        [sys.executable, "-m", "pi_auto.server.cli", *words[:2], "--data", str(server.data), *words[2:]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return told.stdout
