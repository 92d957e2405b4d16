"""A device whose network blocks 8883, or lets nothing out but by a proxy, delivers all the same."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.proxy import Proxy
from pi_auto.wire.registration import HubDial, RegistrationAnswer
from support.certificates import Authority
from support.hub import RunningHub
from support.mqtt_peer import MqttPeer
from support.proxy import ConnectProxy, Door
from support.waiting import wait_until

from .conftest import NAME, DeviceOf, HubOf, arrivals, given_by

SCANS = [f"scan {number}" for number in range(45)]


@pytest.fixture
def blocked() -> Iterator[int]:
    """A port that takes connections and answers nothing, as some firewalls do."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def refused() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def elsewhere(given: RegistrationAnswer, port: int) -> RegistrationAnswer:
    """The same hub as it is known on a network: by a name that only the proxy can find."""
    return replace(given, hub=HubDial(NAME, 8883, tls=True, websocket_port=port))


def test_where_8883_is_refused_all_arrives_by_websocket(
    hub: RunningHub, device_of: DeviceOf, refused: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    device = device_of(given_by(hub, mqtt_port=refused))
    device.scan(*SCANS)
    assert [barcode for _, barcode in arrivals(hub, len(SCANS))] == SCANS
    assert f"port {hub.https_address[1]} by WebSocket" in caplog.text


def test_where_8883_swallows_everything_all_arrives_by_websocket(
    hub: RunningHub, device_of: DeviceOf, blocked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_auto.client.agent.hub.connection.PATIENCE", 0.5)
    device = device_of(given_by(hub, mqtt_port=blocked))
    device.scan(*SCANS)
    assert [barcode for _, barcode in arrivals(hub, len(SCANS))] == SCANS


def test_new_tokens_over_websocket_cost_no_message_and_no_try_of_8883(
    hub: RunningHub, device_of: DeviceOf, refused: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    device = device_of(given_by(hub, mqtt_port=refused), Limits(life=0.3))
    for number, scan in enumerate(SCANS[:20], start=1):
        device.scan(scan)
        wait_until(lambda count=number: device.delivered() == count, what=scan)  # type: ignore[misc]
    wait_until(lambda: caplog.text.count("connected to the IoT Hub") > 2, what="some new tokens")
    assert caplog.text.count("trying another way") == 1
    assert [barcode for _, barcode in arrivals(hub, 20)] == SCANS[:20]


def test_over_another_link_8883_is_gone_back_to_at_the_next_token(
    hub: RunningHub, device_of: DeviceOf, refused: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    device = device_of(given_by(hub, mqtt_port=refused), Limits(life=0.5))
    wait_until(lambda: "by WebSocket" in caplog.text, what="a connection by WebSocket")
    with Door(port=refused, leads_to=hub.mqtt_address) as door:
        device.scan(*SCANS[:5])
        assert len(arrivals(hub, 5)) == 5
        assert door.asked == []
        device.own_link = frozenset({("wlan0", "00000000", "0200000A")})
        wait_until(lambda: door.asked, what="8883 to be tried again")
        device.scan(*SCANS[5:10])
        assert [barcode for _, barcode in arrivals(hub, 10)] == SCANS[:10]
        device.stop()


@pytest.mark.parametrize("connack", [3, 5])
def test_a_hub_that_answers_is_no_reason_for_another_way(
    hub: RunningHub, authority: Authority, device_of: DeviceOf, connack: int
) -> None:
    with (
        MqttPeer(certificate=authority.certificate(NAME), connack=connack) as busy,
        Door(leads_to=hub.https_address) as door,
    ):
        given = given_by(hub, mqtt_port=busy.port)
        assert given.hub is not None
        device_of(replace(given, hub=replace(given.hub, websocket_port=door.port)))
        wait_until(lambda: len(busy.connects) >= 5, what="some more tries")
        assert door.asked == []


def test_an_impostor_on_443_gets_nothing_and_the_hub_on_8883_all(
    hub: RunningHub, hub_of: HubOf, authority: Authority, device_of: DeviceOf, caplog: pytest.LogCaptureFixture
) -> None:
    with hub_of(authority.certificate("other.test"), "impostor") as impostor:
        given = given_by(hub)
        assert given.hub is not None
        hub.stop()
        device = device_of(replace(given, hub=replace(given.hub, websocket_port=impostor.https_address[1])))
        device.scan(*SCANS)
        wait_until(lambda: "Hostname mismatch" in caplog.text, what="the impostor to be found out")
        hub.start()
        assert [barcode for _, barcode in arrivals(hub, len(SCANS))] == SCANS
        assert "pi-1a2b3c4d" not in impostor.log()


def test_by_a_proxy_all_arrives_by_websocket_and_8883_is_not_asked_for(
    hub: RunningHub, device_of: DeviceOf
) -> None:
    port = hub.https_address[1]
    with ConnectProxy(resolve={f"{NAME}:{port}": hub.https_address}) as proxy:
        device = device_of(elsewhere(given_by(hub), port), proxy=Proxy("127.0.0.1", proxy.port))
        device.scan(*SCANS)
        assert [barcode for _, barcode in arrivals(hub, len(SCANS))] == SCANS
        assert set(proxy.asked) == {f"{NAME}:{port}"}
        assert len(proxy.asked) == 1
        assert proxy.carried > len(SCANS) * 200


def test_a_proxy_that_cuts_and_comes_back_costs_nothing(hub: RunningHub, device_of: DeviceOf) -> None:
    port = hub.https_address[1]
    with ConnectProxy(resolve={f"{NAME}:{port}": hub.https_address}) as proxy:
        device = device_of(
            elsewhere(given_by(hub), port), Limits(spread=0.1), proxy=Proxy("127.0.0.1", proxy.port)
        )
        for number, scan in enumerate(SCANS[:20]):
            device.scan(scan)
            if number % 5 == 0:
                proxy.hang_up()
        found = arrivals(hub, 20)
    assert sorted({barcode for _, barcode in found}) == sorted(SCANS[:20])


def test_by_a_proxy_another_name_is_refused_as_well(
    hub_of: HubOf, authority: Authority, device_of: DeviceOf, caplog: pytest.LogCaptureFixture
) -> None:
    with hub_of(authority.certificate("other.test")) as impostor:
        port = impostor.https_address[1]
        with ConnectProxy(resolve={f"{NAME}:{port}": impostor.https_address}) as proxy:
            device_of(elsewhere(given_by(impostor), port), proxy=Proxy("127.0.0.1", proxy.port))
            wait_until(lambda: "Hostname mismatch" in caplog.text, what="the impostor to be found out")
        assert "pi-1a2b3c4d" not in impostor.log()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "wants a user and a password"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "opens no way to hub.test:443: 403 Forbidden"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP proxy"),
    ],
)
def test_what_a_proxy_refuses_is_told(
    hub: RunningHub, device_of: DeviceOf, answer: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with ConnectProxy(answer=answer) as proxy:
        device_of(replace(given_by(hub), hub=None), proxy=Proxy("127.0.0.1", proxy.port))
        wait_until(lambda: words in caplog.text, what=words)
        assert proxy.asked == [f"{NAME}:443"]
