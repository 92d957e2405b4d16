"""azure-iot-device, unmodified, with either client: it cannot tell this hub from Azure's."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest

from pi_auto.wire.hublink import OFFLINE, TELEMETRY, TIMEOUT, Event
from support.hub import RunningHub
from support.mqtt import token
from support.sdk import SdkDevice, SdkError, authority


def telemetry_of(hub: RunningHub, device_id: str) -> Event:
    with hub.events() as events:
        return events.until(lambda event: (event.type, event.device_id) == (TELEMETRY, device_id))[-1]


def test_telemetry_arrives_with_all_its_properties(hub: RunningHub, client: str) -> None:
    with SdkDevice(hub, hub.put_device(f"tell-{client}"), client) as device:
        device.call(
            "send_message",
            {
                "body": '{"code": "4006381333931 äß€"}',
                "properties": {"colour": "red & green=blue", "öl/$x": "50 %", "empty": ""},
                "message_id": "m-1", "correlation_id": "c-1", "user_id": "u-1",
                "content_type": "application/json", "content_encoding": "utf-8",
            },
        )  # fmt: skip
    event = telemetry_of(hub, f"tell-{client}")
    assert b64decode(event.body).decode() == '{"code": "4006381333931 äß€"}'
    assert event.properties == {"colour": "red & green=blue", "öl/$x": "50 %", "empty": ""}
    assert event.system_properties == {
        "message-id": "m-1", "correlation-id": "c-1", "user-id": "u-1",
        "content-type": "application/json", "content-encoding": "utf-8",
    }  # fmt: skip


def test_a_message_of_the_largest_size_arrives(hub: RunningHub, client: str) -> None:
    with SdkDevice(hub, hub.put_device(f"large-{client}"), client) as device:
        device.call("send_message", {"body": "x" * 255 * 1024})
    assert b64decode(telemetry_of(hub, f"large-{client}").body) == b"x" * 255 * 1024


def test_a_twin_is_read_and_reported_and_a_null_deletes(hub: RunningHub, client: str) -> None:
    with SdkDevice(hub, hub.put_device(f"twin-{client}"), client) as device:
        assert device.call("get_twin") == {"desired": {"$version": 1}, "reported": {"$version": 1}}
        device.call("patch_twin_reported_properties", {"a": {"b": 1, "c": "ä"}, "d": True})
        device.call("patch_twin_reported_properties", {"a": {"b": None}, "d": None})
        assert device.call("get_twin")["reported"] == {"a": {"c": "ä"}, "$version": 3}


def test_a_report_that_is_refused_raises_and_the_next_one_counts(hub: RunningHub, client: str) -> None:
    with SdkDevice(hub, hub.put_device(f"bad-{client}"), client) as device:
        with pytest.raises(SdkError, match="400"):
            device.call("patch_twin_reported_properties", {"a": "x" * 5000})
        device.call("patch_twin_reported_properties", {"a": 1})
        assert device.call("get_twin")["reported"] == {"a": 1, "$version": 2}


def test_desired_properties_reach_the_handler(hub: RunningHub, client: str) -> None:
    name = f"desired-{client}"
    with SdkDevice(hub, hub.put_device(name), client) as device:
        device.call("listen", "desired")
        hub.ask(op="patch_desired", device_id=name, patch={"interval": 30})
        assert device.heard("desired") == {"interval": 30, "$version": 2}
        hub.ask(op="patch_desired", device_id=name, patch={"interval": None, "level": {"log": "DEBUG"}})
        assert device.heard("desired") == {"interval": None, "level": {"log": "DEBUG"}, "$version": 3}
        assert device.call("get_twin")["desired"] == {"level": {"log": "DEBUG"}, "$version": 3}


def test_direct_methods_are_answered_time_out_and_find_nobody(hub: RunningHub, client: str) -> None:
    name = f"method-{client}"

    def invoke(method: str, payload: object = None) -> dict[str, Any]:
        return hub.ask(op="call_method", device_id=name, method=method, payload=payload, timeout=5)

    known = hub.put_device(name)
    assert invoke("echo")["code"] == OFFLINE
    with SdkDevice(hub, known, client) as device:
        device.call("listen", "method")
        for payload in ({"blink": [1, None, "ä"]}, "text", 7, None):
            answer = invoke("echo", payload)
            assert answer == {"ok": True, "status": 200, "payload": payload}
            assert device.heard("method") == {"name": "echo", "payload": payload}
        assert invoke("refuse") == {"ok": True, "status": 418, "payload": None}
        assert invoke("silence")["code"] == TIMEOUT


def test_another_client_with_the_same_name_takes_over(hub: RunningHub, client: str) -> None:
    known = hub.put_device(f"twice-{client}")
    with (
        SdkDevice(hub, known, client, connection_retry=False) as first,
        SdkDevice(hub, known, client) as second,
    ):
        first.call("connect")
        assert first.heard("connected") is True
        second.call("connect")
        assert first.heard("connected") is False
        second.call("send_message", {"body": "mine"})
    assert b64decode(telemetry_of(hub, f"twice-{client}").body) == b"mine"


def test_a_device_that_is_disabled_is_dropped_and_refused_until_it_is_enabled(
    hub: RunningHub, client: str
) -> None:
    name = f"disabled-{client}"
    with SdkDevice(hub, hub.put_device(name), client, connection_retry=False) as device:
        device.call("connect")
        assert device.heard("connected") is True
        hub.ask(op="set_enabled", device_id=name, enabled=False)
        assert device.heard("connected") is False
        with pytest.raises(SdkError, match="CredentialError"):
            device.call("connect")
        hub.ask(op="set_enabled", device_id=name, enabled=True)
        device.call("send_message", {"body": "back"})


def test_the_key_before_the_last_rotation_is_good_and_the_one_before_that_is_not(
    hub: RunningHub, client: str
) -> None:
    known = hub.put_device(f"rotated-{client}")
    hub.ask(op="rotate_keys", device_id=known.device_id)
    with SdkDevice(hub, known, client) as device:
        device.call("connect")
    hub.ask(op="rotate_keys", device_id=known.device_id)
    with SdkDevice(hub, known, client) as device, pytest.raises(SdkError, match="CredentialError"):
        device.call("connect")


def test_a_token_is_renewed_in_time_and_nothing_is_lost(hub: RunningHub, client: str) -> None:
    name = f"token-{client}"
    # The SDK renews 120 s before the end: here after 2 s.
    with SdkDevice(hub, hub.put_device(name), client, sastoken_ttl=122) as device, hub.events() as events:
        device.call("send_message", {"body": "0"})
        sent = 1
        while device.unheard("connected").count(True) < 2:
            device.call("send_message", {"body": str(sent)})
            sent += 1
        found = events.until(lambda event: event.device_id == name and event.body == b64(sent - 1))
    mine = [event.body for event in found if (event.type, event.device_id) == (TELEMETRY, name)]
    assert mine == [b64(number) for number in range(sent)]


def test_a_token_of_ones_own_is_enough(hub: RunningHub, client: str) -> None:
    known = hub.put_device(f"own-token-{client}")
    with SdkDevice(hub, known, client, sas_token=token(known)) as device:
        device.call("send_message", {"body": "signed"})


@pytest.mark.port_443
def test_everything_goes_over_websocket_too(hub: RunningHub, client: str) -> None:
    name = f"web-{client}"
    with SdkDevice(hub, hub.put_device(name), client, websockets=True) as device:
        device.call("listen", "desired", "method")
        device.call("send_message", {"body": "x" * 200_000})
        device.call("patch_twin_reported_properties", {"a": 1})
        assert device.call("get_twin")["reported"] == {"a": 1, "$version": 2}
        hub.ask(op="patch_desired", device_id=name, patch={"b": 2})
        assert device.heard("desired") == {"b": 2, "$version": 2}
        answer = hub.ask(op="call_method", device_id=name, method="echo", payload=[3], timeout=10)
        assert answer == {"ok": True, "status": 200, "payload": [3]}
    assert b64decode(telemetry_of(hub, name).body) == b"x" * 200_000


def test_the_authority_can_be_given_as_text_and_without_it_the_hub_is_not_believed(
    hub: RunningHub, client: str
) -> None:
    known = hub.put_device(f"trust-{client}")
    text = authority(hub).read_text()
    with SdkDevice(hub, known, client, trusting=False, server_verification_cert=text) as device:
        device.call("connect")
    with (
        SdkDevice(hub, known, client, trusting=False) as device,
        pytest.raises(SdkError, match=r"TLS|certificate"),
    ):
        device.call("connect")


def b64(number: int) -> str:
    return b64encode(str(number).encode()).decode()
