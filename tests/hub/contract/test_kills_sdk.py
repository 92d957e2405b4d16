"""azure-iot-device while its hub is killed: what it was told is stored is there, and it goes on by itself."""

from __future__ import annotations

import resource
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_auto.wire.hublink import TELEMETRY
from support.hub import RunningHub, running_hub
from support.sdk import SdkDevice, SdkError, sdk_hub
from support.waiting import wait_until


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RunningHub]:
    """A hub of this test's own, to be killed."""
    with sdk_hub(tmp_path) as hub:
        yield hub


def bodies(hub: RunningHub, last: str) -> list[str]:
    """The bodies of all telemetry up to the last."""
    found = []
    with hub.events() as events:
        while last not in found:
            event = events.next()
            if event.type == TELEMETRY:
                found.append(b64decode(event.body).decode())
    return found


def test_what_the_sdk_has_sent_is_there_after_kill_9_and_so_is_its_twin(mortal: RunningHub, client: str) -> None:
    with SdkDevice(mortal, mortal.put_device("pi-1"), client) as device:
        for number in range(3):
            device.call("patch_twin_reported_properties", {f"key-{number}": number})
            device.call("send_message", {"body": str(number)})
            assert device.heard("connected") is True
            mortal.kill()
            assert device.heard("connected") is False
            mortal.start()
        twin = device.call("get_twin", timeout=40)
    assert bodies(mortal, "2") == ["0", "1", "2"]
    assert twin["reported"] == {"key-0": 0, "key-1": 1, "key-2": 2, "$version": 4}


def test_a_message_that_the_hub_dies_with_is_sent_again_when_it_is_back(mortal: RunningHub, client: str) -> None:
    long = "before " + "x" * 10_000  # the limit that follows is for every file of the hub: its own log needs room
    with SdkDevice(mortal, mortal.put_device("pi-1"), client) as device:
        device.call("send_message", {"body": long})
        assert device.heard("connected") is True
        (segment,) = (mortal.data / "events").glob("*.events")
        full = segment.stat().st_size + 10
        resource.prlimit(mortal.pid, resource.RLIMIT_FSIZE, (full, full))
        sending = device.begin("send_message", {"body": "on its way"})
        wait_until(lambda: "no room for events" in mortal.log(), what="the hub has it, and has said nothing")
        mortal.kill()
        assert device.heard("connected") is False
        mortal.start()
        device.result(sending, timeout=40)
        device.call("send_message", {"body": "after"})
    assert bodies(mortal, "after") == [long, "on its way", "after"]


def test_a_message_sent_while_the_hub_is_dead_is_refused_and_can_be_sent_when_it_is_back(
    mortal: RunningHub, client: str
) -> None:
    with SdkDevice(mortal, mortal.put_device("pi-1"), client) as device:
        device.call("connect")
        assert device.heard("connected") is True
        mortal.kill()
        assert device.heard("connected") is False
        with pytest.raises(SdkError, match=r"ConnectionFailedError|NoConnectionError"):
            device.call("send_message", {"body": "lost, and told so"})
        mortal.start()
        assert device.heard("connected", timeout=40) is True
        device.call("send_message", {"body": "after"})
    assert bodies(mortal, "after") == ["after"]


@pytest.mark.parametrize("websockets", [False, pytest.param(True, marks=pytest.mark.port_443)])
def test_handlers_go_on_after_kill_9_and_what_was_desired_meanwhile_is_caught_up(
    mortal: RunningHub, client: str, websockets: bool
) -> None:
    options: dict[str, Any] = {"connection_retry_interval": 3, "websockets": websockets}

    def desire(patch: dict[str, int], hub: RunningHub = mortal) -> None:
        assert hub.ask(op="patch_desired", device_id="pi-1", patch=patch)["ok"]

    with SdkDevice(mortal, mortal.put_device("pi-1"), client, **options) as device:
        device.call("get_twin")  # without one before, the SDK asks again after a break but hears no answer
        device.call("listen", "desired", "method")
        desire({"a": 1})
        assert device.heard("desired") == {"a": 1, "$version": 2}
        mortal.kill()
        with running_hub(mortal.data.parent) as elsewhere:  # where the SDK does not find it
            desire({"b": 2}, elsewhere)
        mortal.start()
        assert device.heard("desired", timeout=40) == {"a": 1, "b": 2, "$version": 3}
        desire({"c": 3})
        assert device.heard("desired") == {"c": 3, "$version": 4}
        answer = mortal.ask(op="call_method", device_id="pi-1", method="echo", payload=1, timeout=10)
        assert answer == {"ok": True, "status": 200, "payload": 1}
