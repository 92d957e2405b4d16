"""A real server whose hub is at Azure: devices register and are told their way into the hub, unless it is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.wire.connection_string import ConnectionString
from support.api import DEVICE
from support.azure import service_string
from support.conversation import register
from support.hub import RunningHub, running_hub
from support.mqtt import RawDevice, connect_packet
from support.server import RunningServer, running_server
from support.service import Service
from support.waiting import wait_until

ACCEPTED = b"\x20\x02\x00\x00"
NOWHERE = (
    "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=s;SharedAccessKey=a2V5;EntityPath=e;UseDevelopmentEmulator=true"
)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path, "--name", "localhost", "--https-port", "0") as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    monkeypatch.setenv("SSL_CERT_FILE", str(hub.data / "tls" / "ca.pem"))
    monkeypatch.setenv("PI_AUTO_AZURE_SERVICE", service_string(hub))
    monkeypatch.setenv("PI_AUTO_AZURE_EVENTS", NOWHERE)
    options = ("--hub", "azure", "--azure-device-host", "devices.example")
    with running_server(tmp_path, *options) as running:
        yield running


def test_a_device_registers_and_is_told_its_way_into_the_hub(hub: RunningHub, server: RunningServer) -> None:
    device = ConnectionString.parse(register(server, DEVICE)["connection_string"])
    assert (device.host, device.device_id) == ("devices.example", DEVICE)
    known = Service(hub).ask("GET", f"/devices/{DEVICE}").body["authentication"]["symmetricKey"]
    assert device.key == known["primaryKey"]
    with RawDevice(hub.mqtt_address) as raw:
        raw.send(connect_packet(ConnectionString("localhost", DEVICE, device.key)))
        assert raw.receive(4) == ACCEPTED
    wait_until(lambda: server.request("/api/health").json["hub"]["events"] is False, 20, "events are away")
    health = server.request("/api/health")
    assert (health.status, health.json["hub"]["answers"], server.hub()) == (200, True, 0)
    assert device.key not in server.said()
    assert "SharedAccess" not in server.said()


def test_while_the_hub_is_away_a_registration_is_put_off_whole_and_the_server_is_well(
    hub: RunningHub, server: RunningServer
) -> None:
    hub.kill()
    with pytest.raises(AssertionError, match="the hub cannot be reached; try again in 5 s"):
        register(server, DEVICE)
    health = server.request("/api/health")
    assert (health.status, health.json["hub"]["answers"]) == (200, False)
    assert server.request("/api/pi_devices").json["total_count"] == 0
