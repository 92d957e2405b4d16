"""The whole agent over a real spool: what arrives where, when either side misbehaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pi_auto.client.agent.agent import Agent
from pi_auto.client.settings import Settings
from pi_auto.client.spool.settled import acknowledged, settled_everywhere
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.hublink import TELEMETRY, TWIN_CHANGE
from pi_auto.wire.registration import HubDial
from support.fleet_peer import REGISTER, SCANS, UPDATES, Fault, FleetPeer, hang, raw, status
from support.hub import running_hub
from support.mqtt_peer import MqttPeer
from support.stored import StoredScans
from support.waiting import wait_until

from .conftest import DEVICE, running

Arrives = Callable[[Callable[[], list[str]], list[str]], None]


def hub_texts(hub: MqttPeer) -> list[str]:
    return list(dict.fromkeys(json.loads(body)["barcode"] for body in hub.bodies()))


@pytest.mark.usefixtures("agent")
def test_a_scan_reaches_the_api_and_the_hub(
    server: FleetPeer, hub: MqttPeer, stored: StoredScans, arrives: Arrives
) -> None:
    stored.scan("4006381333931")
    arrives(server.texts, ["4006381333931"])
    arrives(lambda: hub_texts(hub), ["4006381333931"])


@pytest.mark.usefixtures("agent")
def test_the_bell_brings_a_scan_long_before_the_next_look(server: FleetPeer, stored: StoredScans) -> None:
    wait_until(lambda: server.calls(REGISTER), what="the registration")
    for number in range(3):
        began = time.monotonic()
        stored.scan(f"scan {number}")
        wait_until(lambda count=number: len(server.texts()) > count, what="the scan")  # type: ignore[misc]
        assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("fault", [status(500), status(401), status(429), raw(b"nonsense"), hang])
def test_an_api_that_is_down_does_not_delay_the_hub(
    server: FleetPeer, hub: MqttPeer, stored: StoredScans, agent: Agent, arrives: Arrives, fault: Fault
) -> None:
    assert agent.identity.device_id == DEVICE
    server.always[SCANS] = fault
    stored.scan("one", "two")
    arrives(lambda: hub_texts(hub), ["one", "two"])
    assert server.texts() == []
    del server.always[SCANS]
    server.released.set()
    arrives(server.texts, ["one", "two"])


@pytest.mark.parametrize("connack", [0, 5])
def test_a_hub_that_is_down_does_not_delay_the_api(
    server: FleetPeer, hub: MqttPeer, stored: StoredScans, agent: Agent, arrives: Arrives, connack: int
) -> None:
    assert agent.identity.device_id == DEVICE
    hub.acknowledge, hub.connack = False, connack
    stored.scan("one", "two")
    arrives(server.texts, ["one", "two"])
    hub.acknowledge, hub.connack = True, 0
    hub.hang_up()
    arrives(lambda: hub_texts(hub), ["one", "two"])


def test_a_hub_that_rejects_the_device_makes_it_register_again_and_take_the_new_way(
    settings: Settings, server: FleetPeer, hub: MqttPeer, stored: StoredScans, arrives: Arrives
) -> None:
    hub.connack = 5
    with running(settings), MqttPeer() as another:
        wait_until(lambda: hub.connects, what="the rejection")
        server.hub = HubDial("127.0.0.1", another.port, tls=False)
        stored.scan("one")
        arrives(lambda: hub_texts(another), ["one"])
    assert server.calls(REGISTER) <= 4


def test_a_token_that_no_longer_counts_is_replaced_by_registering_again(
    settings: Settings, server: FleetPeer, stored: StoredScans, arrives: Arrives
) -> None:
    with running(settings):
        stored.scan("one")
        arrives(server.texts, ["one"])
        server.tokens.clear()
        stored.scan("two")
        arrives(server.texts, ["one", "two"])
    assert server.calls(REGISTER) == 2


@pytest.mark.usefixtures("agent")
def test_what_both_have_taken_may_be_pruned_and_nothing_else(
    settings: Settings, hub: MqttPeer, stored: StoredScans
) -> None:
    marks, spool = settings.agent_folder / "marks.sqlite", stored.spool.uuid
    hub.acknowledge = False
    stored.scan("one", "two")
    wait_until(lambda: acknowledged(marks, spool) == 2, what="the API to have both")
    assert settled_everywhere(marks, spool) in {None, 0}
    hub.acknowledge = True
    hub.hang_up()
    wait_until(lambda: settled_everywhere(marks, spool) == 2, what="the hub to have both")


def test_a_restart_delivers_without_registering_again(
    settings: Settings, server: FleetPeer, stored: StoredScans, arrives: Arrives
) -> None:
    for text in ("one", "two"):
        with running(settings):
            stored.scan(text)
            arrives(server.texts, ["one", "two"][: 1 if text == "one" else 2])
    assert server.calls(REGISTER) == 1


@pytest.mark.parametrize("fault", [status(500), status(403), raw(b"nonsense"), status(429, Retry_After="1")])
def test_registering_goes_on_until_the_server_says_yes(
    settings: Settings, server: FleetPeer, stored: StoredScans, arrives: Arrives, fault: Fault
) -> None:
    server.fail(REGISTER, fault, fault)
    stored.scan("one")
    with running(settings):
        arrives(server.texts, ["one"])
    assert len({body["claim"] for path, body in server.received if path == REGISTER}) == 1


def test_an_update_that_is_offered_is_told_and_not_installed(
    settings: Settings, server: FleetPeer, caplog: pytest.LogCaptureFixture
) -> None:
    server.offer = "9.9.9"
    with running(replace(settings, update_interval=1)):
        wait_until(lambda: server.calls(UPDATES) >= 2, what="two questions")
        wait_until(lambda: "update 9.9.9 is offered" in caplog.text, what="the log to tell of it")


def test_the_log_has_the_words_of_the_guide_and_no_secret(
    settings: Settings, server: FleetPeer, stored: StoredScans, caplog: pytest.LogCaptureFixture, arrives: Arrives
) -> None:
    caplog.set_level("DEBUG")
    with running(replace(settings, update_interval=1)) as agent:
        stored.scan("4006381333931")
        arrives(server.texts, ["4006381333931"])
        for word in ("registered", "no update", "barcode", "connected to the IoT Hub", "delivered to the IoT Hub"):
            wait_until(lambda said=word: said in caplog.text, what=word)  # type: ignore[misc]
    key = ConnectionString.parse(server.connection_string or "").key
    assert not [secret for secret in (agent.identity.claim, key, *server.tokens) if secret in caplog.text]


def test_two_agents_never_work_on_one_folder(
    settings: Settings, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert agent.identity.device_id == DEVICE
    monkeypatch.setattr("pi_auto.client.alone.PATIENCE", 0.2)
    with pytest.raises(OSError, match="another agent works on"):
        Agent(settings)


def test_with_the_real_hub_telemetry_and_heartbeats_become_events(
    tmp_path: Path, settings: Settings, server: FleetPeer, stored: StoredScans
) -> None:
    with running_hub(tmp_path) as hub:
        server.connection_string = str(hub.put_device(DEVICE))
        server.hub = HubDial(*hub.mqtt_address, tls=False)
        texts = [f"scan {number}" for number in range(50)]
        stored.scan(*texts)
        with running(settings), hub.events() as events:
            found: list[str] = []
            twins = 0
            while len(found) < 50 or not twins:
                event = events.next()
                twins += event.type == TWIN_CHANGE
                if event.type == TELEMETRY:
                    found.append(json.loads(b64decode(event.body))["barcode"])
            assert found == texts
            hub.kill()
            hub.start()
            stored.scan("after the crash")
            with hub.events(after=event.sequence_number) as later:
                later.until(lambda event: event.type == TELEMETRY and b"after the crash" in b64decode(event.body))


class TestProgram:
    def start(self, settings: Settings) -> subprocess.Popen[str]:
        command = [
            sys.executable, "-m", "pi_auto.client.cli", "agent",
            "--state", str(settings.state), "--server", settings.server_url,
            "--config", str(settings.state / "client.json"),
        ]  # fmt: skip
        settings.state.mkdir(parents=True, exist_ok=True)
        (settings.state / "client.json").write_text(json.dumps({"device_id": DEVICE}))
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_it_says_when_it_is_ready_and_stops_within_five_seconds_saying_goodbye(
        self, settings: Settings, hub: MqttPeer
    ) -> None:
        with self.start(settings) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == f"pi-auto-client agent ready: device={DEVICE}\n"
            wait_until(lambda: hub.reports, what="a heartbeat")
            began = time.monotonic()
            process.terminate()
            assert process.wait(10) == 0
            assert time.monotonic() - began < 5
        assert json.loads(hub.reports[-1])["status"] == "offline"

    def test_it_stops_in_time_though_the_server_hangs(
        self, settings: Settings, server: FleetPeer, stored: StoredScans
    ) -> None:
        stored.scan("one")
        server.always[SCANS] = hang
        with self.start(settings) as process:
            wait_until(lambda: server.calls(SCANS), what="a delivery that hangs")
            process.terminate()
            assert process.wait(5) == 0

    def test_after_a_kill_at_any_moment_everything_still_arrives(
        self, settings: Settings, server: FleetPeer, hub: MqttPeer, stored: StoredScans, arrives: Arrives
    ) -> None:
        expected = []
        for round_ in range(4):
            process = self.start(settings)
            for number in range(20):
                expected.append(f"scan {round_}/{number}")
                stored.scan(expected[-1])
            wait_until(lambda at_least=round_ * 20 + 1: len(server.texts()) >= at_least, what="deliveries")  # type: ignore[misc]
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        with running(settings):
            arrives(server.texts, expected)
            arrives(lambda: hub_texts(hub), expected)

    def test_a_folder_that_cannot_be_used_is_one_clear_sentence(self, settings: Settings, tmp_path: Path) -> None:
        settings.state.mkdir(parents=True)
        (settings.state / "agent").write_text("in the way")
        with self.start(settings) as process:
            _, errors = process.communicate(timeout=20)
        assert process.returncode == 1
        assert str(tmp_path / "state") in errors
        assert "Traceback" not in errors
