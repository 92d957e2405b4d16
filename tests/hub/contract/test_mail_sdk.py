"""Cloud-to-device messages: posted over REST, received by azure-iot-device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.hub import RunningHub
from support.sdk import SdkDevice, sdk_hub
from support.service import Service
from support.waiting import wait_until

pytestmark = pytest.mark.port_443
HEADERS = {
    "iothub-messageid": "m-1",
    "iothub-correlationid": "c-1",
    "iothub-userid": "u-1",
    "Content-Type": "text/plain",
    "iothub-contentencoding": "utf-8",
    "iothub-app-colour": "red & green",
    "iothub-app-empty": "",
}


def post(hub: RunningHub, device_id: str, body: str, headers: dict[str, str] | None = None) -> None:
    answer = Service(hub).ask("POST", f"/devices/{device_id}/messages/devicebound", body.encode(), headers or {})
    assert answer.status == 204, answer


def waiting(hub: RunningHub, device_id: str) -> int:
    """How many messages wait for a device; they are gone by it."""
    answer = Service(hub).ask("DELETE", f"/devices/{device_id}/messages/devicebound")
    purged: int = answer.body["totalMessagesPurged"]
    return purged


def test_a_message_arrives_with_all_its_properties(hub: RunningHub, client: str) -> None:
    name = f"mail-{client}"
    with SdkDevice(hub, hub.put_device(name), client) as device:
        device.call("listen", "message")
        post(hub, name, "hällo", HEADERS)
        received: dict[str, Any] = device.heard("message")
        assert received["properties"] == {"colour": "red & green", "empty": ""}
        assert received["body"] == "hällo"
        known = [received[key] for key in ("message_id", "correlation_id", "user_id", "content_type")]
        assert known == ["m-1", "c-1", "u-1", "text/plain"]
        assert received["content_encoding"] == "utf-8"


def test_messages_wait_for_a_device_that_is_away_and_come_once_each(hub: RunningHub, client: str) -> None:
    name = f"away-{client}"
    known = hub.put_device(name)
    for number in range(5):
        post(hub, name, str(number))
    with SdkDevice(hub, known, client) as device:
        device.call("listen", "message")
        received = [device.heard("message")["body"] for _ in range(5)]
        # The synchronous client hands each message to a thread, so that their order is no longer told.
        assert (received if client == "async" else sorted(received)) == list("01234")
        post(hub, name, "5")
        assert device.heard("message")["body"] == "5"
        assert device.unheard("message") == []
    assert wait_until(lambda: waiting(hub, name) == 0, what="everything is acknowledged")


def test_what_was_accepted_reaches_the_device_after_kill_9_of_the_hub(tmp_path: Path) -> None:
    with sdk_hub(tmp_path) as hub:
        known = hub.put_device("pi-1")
        for number in range(3):
            post(hub, "pi-1", str(number))
        hub.kill()
        hub.start()
        with SdkDevice(hub, known, "async") as device:
            device.call("listen", "message")
            assert [device.heard("message")["body"] for _ in range(3)] == list("012")
