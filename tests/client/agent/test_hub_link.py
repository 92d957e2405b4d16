"""How a device connects to its hub, and by which way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_auto.client.agent.errors import HubError, HubLost, HubRejected
from pi_auto.client.agent.hub.carriers import Carrier
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.way import ways_into
from pi_auto.wire.sas import SasToken
from support.certificates import Authority
from support.mqtt_peer import MqttPeer

from .conftest import DEVICE, KEY
from .hub_links import NAME, given, way


class TestConnecting:
    def test_a_device_introduces_itself_as_iot_hub_wants_it(self, hub: MqttPeer) -> None:
        HubConnection(way(hub.port)).close()
        (packet,) = hub.connects
        fields = _strings(packet[10:])
        assert packet[:7] == b"\x00\x04MQTT\x04"
        assert int.from_bytes(packet[8:10], "big") == 60
        assert fields[:2] == [DEVICE, f"{NAME}/{DEVICE}/?api-version=2021-04-12"]
        token = SasToken.parse(fields[2])
        assert token is not None
        assert token.proves(f"{NAME}/devices/{DEVICE}", KEY, now=token.expiry - 3599)
        assert 3590 <= token.expiry - datetime.now(UTC).timestamp() <= 3600

    @pytest.mark.parametrize(
        ("connack", "kind"), [(5, HubRejected), (4, HubRejected), (3, HubLost), (2, HubLost), (1, HubLost)]
    )
    def test_a_rejected_device_is_told_from_a_busy_hub(
        self, hub: MqttPeer, connack: int, kind: type[HubError]
    ) -> None:
        hub.connack = connack
        with pytest.raises(kind):
            HubConnection(way(hub.port))

    @pytest.mark.parametrize(
        "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x00", b"\x30\x00", b"\xff" * 9]
    )
    def test_what_speaks_no_mqtt_is_no_hub(
        self, hub: MqttPeer, greeting: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pi_auto.client.agent.hub.connection.PATIENCE", 0.5)
        hub.greeting = greeting
        with pytest.raises(HubLost):
            HubConnection(way(hub.port))

    def test_a_hub_that_says_nothing_is_left_in_time(self, hub: MqttPeer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pi_auto.client.agent.hub.connection.PATIENCE", 0.3)
        hub.greeting = b""
        with pytest.raises(HubLost, match="did not answer"):
            HubConnection(way(hub.port))

    def test_nobody_listening_is_lost(self) -> None:
        with MqttPeer() as gone:
            port = gone.port
        with pytest.raises(HubLost, match=r"no IoT Hub at 127\.0\.0\.1"):
            HubConnection(way(port))

    def test_the_name_of_the_connection_string_is_verified_whatever_is_dialled(self, authority: Authority) -> None:
        with MqttPeer(certificate=authority.certificate(NAME)) as secure:
            HubConnection(way(secure.port, tls=True, ca=authority.ca)).close()
            assert len(secure.connects) == 1

    @pytest.mark.parametrize("name", ["other.test", "127.0.0.1"])
    def test_a_hub_with_another_name_gets_no_credentials(self, authority: Authority, name: str) -> None:
        with MqttPeer(certificate=authority.certificate(name)) as impostor:
            with pytest.raises(HubLost, match="certificate"):
                HubConnection(way(impostor.port, tls=True, ca=authority.ca))
            assert impostor.connects == []

    def test_a_hub_of_an_unknown_authority_gets_no_credentials(self, authority: Authority, tmp_path: Path) -> None:
        with MqttPeer(certificate=Authority(tmp_path).certificate(NAME)) as impostor:
            with pytest.raises(HubLost, match="certificate"):
                HubConnection(way(impostor.port, tls=True, ca=authority.ca))
            assert impostor.connects == []


class TestTheWay:
    def test_no_tls_is_for_this_machine_alone(self) -> None:
        far = given(1883, address="10.0.0.5")
        with pytest.raises(HubRejected, match="without TLS"):
            ways_into(far, DEVICE, None)
        assert len(ways_into(far, DEVICE, None, insecure=True)) == 1

    def test_without_a_dial_the_hub_is_where_its_name_says(self) -> None:
        found = ways_into(replace(given(1), hub=None), DEVICE, None)
        assert [(way.address, way.port, way.tls, way.carrier) for way in found] == [
            (NAME, 8883, True, Carrier.MQTT),
            (NAME, 443, True, Carrier.WEBSOCKET),
        ]

    def test_a_hub_that_is_switched_off_is_no_way(self) -> None:
        assert ways_into(replace(given(1), connection_string=None), DEVICE, None) == ()

    @pytest.mark.parametrize("text", ["nonsense", f"HostName=h;DeviceId=pi-other;SharedAccessKey={KEY}"])
    def test_a_connection_string_that_is_not_ours_is_rejected_without_showing_it(self, text: str) -> None:
        with pytest.raises(HubRejected) as rejected:
            ways_into(replace(given(1), connection_string=text), DEVICE, None)
        assert KEY not in str(rejected.value)

    def test_no_key_shows_in_a_repr(self) -> None:
        assert KEY not in repr(way(1))
        assert KEY not in repr(given(1))


def _strings(octets: bytes) -> list[str]:
    """The length-prefixed strings of a CONNECT packet's payload."""
    found = []
    while octets:
        length = int.from_bytes(octets[:2], "big")
        found.append(octets[2 : 2 + length].decode())
        octets = octets[2 + length :]
    return found
