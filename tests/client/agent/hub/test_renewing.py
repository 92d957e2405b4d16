"""Tokens run out, keys are changed, hubs are moved: a real hub gets every scan at least once, under one id."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import pytest

from pi_auto.client.agent.errors import HubRejected
from pi_auto.client.agent.hub.carriers import Carrier
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.hub.way import TOKEN_LIFE, ways_into
from pi_auto.wire.registration import RegistrationAnswer
from support.certificates import Authority
from support.hub import RunningHub
from support.waiting import wait_until

from .conftest import DEVICE, NAME, DeviceOf, HubOf, arrivals, given_by

SCANS = [f"scan {number}" for number in range(60)]


def by(carrier: Carrier, given: RegistrationAnswer, dead: int = 9) -> RegistrationAnswer:
    """The same hub by this carrier alone."""
    assert given.hub is not None
    dial = given.hub
    changed = replace(dial, port=dead) if carrier is Carrier.WEBSOCKET else replace(dial, websocket_port=None)
    return replace(given, hub=changed)


def check(found: list[tuple[str, str]], scans: list[str]) -> None:
    """Every scan is there, in order, and a repeat bears the id that the first one bore."""
    assert list(dict.fromkeys(barcode for _, barcode in found)) == scans
    assert len(set(found)) == len(scans)


@pytest.mark.parametrize("carrier", list(Carrier))
def test_a_token_of_two_seconds_is_renewed_without_losing_or_repeating_a_message(
    hub: RunningHub, device_of: DeviceOf, carrier: Carrier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    device = device_of(by(carrier, given_by(hub)), Limits(token=2, life=0.8))
    for scan in SCANS:
        device.scan(scan)
        time.sleep(0.05)  # a pace, not luck: scans are to fall into every moment of a renewal
    found = arrivals(hub, len(SCANS))
    check(found, SCANS)
    assert len(found) == len(SCANS)
    assert caplog.text.count("connected to the IoT Hub") >= 4
    assert "cannot deliver" not in caplog.text


def test_a_hub_has_to_prove_itself_once_more_where_the_clock_was_set_and_nothing_is_lost_or_said_twice(
    hub: RunningHub, device_of: DeviceOf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    clock = time.time_ns
    device = device_of(by(Carrier.MQTT, given_by(hub)), Limits())
    device.scan("one")
    arrivals(hub, 1)
    for hours in (0.9, -0.9):
        monkeypatch.setattr("time.time_ns", lambda by=hours: clock() + int(by * 3600e9))
    device.scan("two")
    arrivals(hub, 2)
    assert caplog.text.count("connected to the IoT Hub") == 1

    monkeypatch.setattr("time.time_ns", lambda: clock() - 30 * 86400 * 10**9)
    device.scan("three")
    wait_until(lambda: caplog.text.count("connected to the IoT Hub") == 2, what="it has dialled anew")
    check(arrivals(hub, 3), ["one", "two", "three"])
    assert "cannot deliver" not in caplog.text


def test_where_a_token_runs_out_unrenewed_the_hub_hangs_up_and_nothing_is_lost(
    hub: RunningHub, device_of: DeviceOf, caplog: pytest.LogCaptureFixture
) -> None:
    device = device_of(by(Carrier.MQTT, given_by(hub)), Limits(token=2, life=3600))
    for scan in SCANS:
        device.scan(scan)
        time.sleep(0.1)  # the same: some are under way when the hub hangs up
    check(arrivals(hub, len(SCANS)), SCANS)
    assert caplog.text.count("the connection to the IoT Hub is gone") >= 2
    assert device.asked == 0, "a hub that hangs up is no reason to doubt the connection string"


@pytest.mark.parametrize(
    ("off", "welcome"), [(None, False), (-2.0 * TOKEN_LIFE, False), (-1800.0, True), (3e7, True)]
)
def test_a_clock_far_behind_makes_tokens_that_have_run_out(
    hub: RunningHub, authority: Authority, monkeypatch: pytest.MonkeyPatch, off: float | None, welcome: bool
) -> None:
    """1970, two hours slow, half an hour slow, a year fast."""
    right = time.time()
    wrong = 60.0 if off is None else right + off
    monkeypatch.setattr("pi_auto.client.agent.hub.connection.time.time", lambda: wrong)
    way = ways_into(given_by(hub), DEVICE, authority.ca)[0]
    if welcome:
        HubConnection(way).close()
    else:
        with pytest.raises(HubRejected, match="Not authorized"):
            HubConnection(way)


def test_a_key_that_was_changed_is_asked_for_once_and_then_all_arrives(
    hub: RunningHub, device_of: DeviceOf
) -> None:
    old = given_by(hub)
    hub.ask(op="delete_device", device_id=DEVICE)
    new = given_by(hub)
    assert old.connection_string != new.connection_string
    device = device_of(old)
    device.scan(*SCANS)
    wait_until(lambda: device.asked, what="the server to be asked")
    device.give(new)
    check(arrivals(hub, len(SCANS)), SCANS)


def test_another_hub_gets_what_the_first_has_not_acknowledged_under_the_same_ids(
    hub: RunningHub, hub_of: HubOf, authority: Authority, device_of: DeviceOf
) -> None:
    with hub_of(authority.certificate(NAME), "another") as another:
        device = device_of(given_by(hub))
        device.scan(*SCANS[:20])
        wait_until(lambda: device.delivered() == 20, what="the first hub has the first scans")
        os.kill(hub.pid, signal.SIGSTOP)
        device.scan(*SCANS[20:])
        device.give(given_by(another))
        found = arrivals(another, 40)
        wait_until(lambda: device.delivered() == 60, what="all is acknowledged")
        os.kill(hub.pid, signal.SIGCONT)
        everywhere = arrivals(hub, 20) + found
    assert list(dict.fromkeys(barcode for _, barcode in found)) == SCANS[20:]
    check(everywhere, SCANS)
