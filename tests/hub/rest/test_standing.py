"""How a device stands, by REST: connected since when, active when, what waits for it; also over a crash."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pi_auto.hub.registry import NEVER
from pi_auto.wire import topics
from pi_auto.wire.times import parse_time
from support.hub import RunningHub, running_hub
from support.mqtt import PahoDevice, RawDevice
from support.service import Service
from support.waiting import wait_until

PING, PONG = b"\xc0\x00", b"\xd0\x00"
TICK = 0.01  # seconds; the times are of milliseconds


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path, "--https-port", "0") as running:
        yield running


def stands(hub: RunningHub) -> dict[str, Any]:
    """The device, after looking that its twin, the list and a query say the same."""
    service = Service(hub)
    device: dict[str, Any] = service.ask("GET", "/devices/pi-1").body
    twin = service.ask("GET", "/twins/pi-1").body
    (queried,) = service.ask("POST", "/devices/query", {"query": "SELECT * FROM devices"}).body
    (listed,) = service.ask("GET", "/devices").body
    for name in ("connectionState", "lastActivityTime", "cloudToDeviceMessageCount"):
        assert device[name] == twin[name] == queried[name] == listed[name], name
    assert twin["statusUpdateTime"] == device["statusUpdatedTime"]
    return device


def moment(text: str) -> datetime:
    found = parse_time(text)
    assert found
    return found


def test_a_device_that_was_never_there_has_never_changed(hub: RunningHub) -> None:
    hub.put_device("pi-1")
    new = stands(hub)
    assert new["connectionState"] == "Disconnected"
    assert {new[name] for name in ("connectionStateUpdatedTime", "lastActivityTime", "statusUpdatedTime")} == {
        NEVER
    }


def test_coming_talking_and_going_are_told_with_their_times(hub: RunningHub) -> None:
    began = time.time()
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        came = stands(hub)
        assert came["connectionState"] == "Connected"
        assert came["lastActivityTime"] == came["connectionStateUpdatedTime"]
        assert began - TICK <= moment(came["connectionStateUpdatedTime"]).timestamp() <= time.time()
        for act in (
            lambda: device.send_and_wait(b"x"),
            lambda: device.subscribe(topics.TWIN_RESPONSES) >= 0 and device.twin(),
            lambda: device.report({"a": 1}),
        ):
            before = stands(hub)
            latest = moment(before["lastActivityTime"]).timestamp()
            wait_until(lambda: time.time() > latest + TICK, what="the clock has moved on")  # noqa: B023
            act()
            after = stands(hub)
            assert moment(after["lastActivityTime"]) > moment(before["lastActivityTime"])
            assert after["connectionStateUpdatedTime"] == came["connectionStateUpdatedTime"]
    gone = wait_until(lambda: (found := stands(hub))["connectionState"] == "Disconnected" and found)
    assert moment(gone["connectionStateUpdatedTime"]) > moment(after["connectionStateUpdatedTime"])
    assert gone["lastActivityTime"] == after["lastActivityTime"]  # going is no activity


def test_a_ping_is_no_activity(hub: RunningHub) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"))
        before = stands(hub)
        raw.send(PING)
        assert raw.receive(2) == PONG
        assert stands(hub) == before


def test_it_outlives_a_stop_and_a_crash_says_when_the_hub_saw_it(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.send_and_wait(b"x")
        talked = stands(hub)
        assert hub.stop() == 0
    hub.start()
    after_stop = stands(hub)
    assert after_stop["lastActivityTime"] == talked["lastActivityTime"]
    assert moment(after_stop["connectionStateUpdatedTime"]) > moment(talked["connectionStateUpdatedTime"])
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")):
        hub.kill()
        killed_at = time.time()
        hub.start()
        after_kill = stands(hub)
    assert after_kill["connectionState"] == "Disconnected"
    assert moment(after_kill["connectionStateUpdatedTime"]).timestamp() >= killed_at - TICK


def test_what_waits_for_a_device_is_counted(hub: RunningHub) -> None:
    hub.put_device("pi-1")
    service, mail = Service(hub), "/devices/pi-1/messages/devicebound"
    soon = datetime.fromtimestamp(time.time() + 3).astimezone().isoformat()
    assert service.ask("POST", mail, b"a").status == 204
    assert service.ask("POST", mail, b"b", {"iothub-expiry": soon}).status == 204
    assert stands(hub)["cloudToDeviceMessageCount"] == 2
    wait_until(
        lambda: service.ask("GET", "/devices/pi-1").body["cloudToDeviceMessageCount"] == 1, what="one ran out"
    )
    assert stands(hub)["cloudToDeviceMessageCount"] == 1
    service.ask("DELETE", mail)
    assert stands(hub)["cloudToDeviceMessageCount"] == 0


def test_the_status_time_tells_when_it_was_disabled_and_nothing_else(hub: RunningHub) -> None:
    hub.put_device("pi-1")
    service, began = Service(hub), time.time()
    disabled = {"deviceId": "pi-1", "status": "disabled"}
    service.ask("PUT", "/devices/pi-1", disabled, {"If-Match": "*"})
    first = stands(hub)["statusUpdatedTime"]
    assert began - TICK <= moment(first).timestamp() <= time.time()
    service.ask("PUT", "/devices/pi-1", disabled | {"statusReason": "lent out"}, {"If-Match": "*"})
    assert stands(hub)["statusUpdatedTime"] == first
