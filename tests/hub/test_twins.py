from __future__ import annotations

import json
import queue

import pytest

from pi_auto.wire import topics
from pi_auto.wire.hublink import TWIN_CHANGE
from support.hub import RunningHub
from support.mqtt import PahoDevice


def test_a_new_twin_is_empty_and_of_version_1(shared_hub: RunningHub) -> None:
    with PahoDevice(shared_hub.mqtt_address, shared_hub.put_device("pi-1")) as device:
        device.subscribe(topics.TWIN_RESPONSES)
        assert device.twin() == {"desired": {"$version": 1}, "reported": {"$version": 1}}


def test_reports_merge_a_null_deletes_and_the_version_rises(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.subscribe(topics.TWIN_RESPONSES)
        first = device.report({"status": "online", "queue": {"depth": 3, "oldest": 1}})
        second = device.report({"queue": {"oldest": None}, "gone": None})
        assert (first[0], second[0]) == (204, 204)
        assert "$version=2" in first[1]
        assert "$version=3" in second[1]
        assert device.twin()["reported"] == {"status": "online", "queue": {"depth": 3}, "$version": 3}


def test_a_report_becomes_an_event_with_the_patch(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.subscribe(topics.TWIN_RESPONSES)
        device.report({"a": {"é": None, "b": [1, "x"]}})
    with hub.events() as events:
        change = events.until(lambda event: event.type == TWIN_CHANGE)[-1]
    assert change.body == {"properties": {"reported": {"a": {"é": None, "b": [1, "x"]}}}, "version": 2}


@pytest.mark.parametrize("patch", [b"{", b"[]", b'{"a.b":1}', b"x" * 200_000, b'{"a":' + b"[" * 90_000])
def test_a_bad_report_is_answered_with_400_and_changes_nothing(shared_hub: RunningHub, patch: bytes) -> None:
    with PahoDevice(shared_hub.mqtt_address, shared_hub.put_device("pi-1")) as device:
        device.subscribe(topics.TWIN_RESPONSES)
        assert device.report(patch)[0] == 400
        assert device.twin()["reported"] == {"$version": 1}


def test_a_section_that_would_grow_beyond_32_kilobytes_is_answered_with_400(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.subscribe(topics.TWIN_RESPONSES)
        answers = [device.report({letter: "x" * 4096})[0] for letter in "abcdefgh"]
        assert answers == [204] * 7 + [400]
        assert device.report({"a": None})[0] == 204


@pytest.mark.parametrize("request_id", ["1", "0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11", "a b&c=/é%"])
def test_the_request_id_comes_back_as_it_was(shared_hub: RunningHub, request_id: str) -> None:
    with PahoDevice(shared_hub.mqtt_address, shared_hub.put_device("pi-1")) as device:
        device.subscribe(topics.TWIN_RESPONSES)
        device.client.publish(topics.twin_get(request_id), b"")
        topic, _ = device.answers.get(timeout=10)
        assert topics.parse_twin_response(topic) == (200, request_id)


def test_two_devices_never_see_each_others_twin_or_answers(hub: RunningHub) -> None:
    count = 50
    with (
        PahoDevice(hub.mqtt_address, hub.put_device("pi-a")) as a,
        PahoDevice(hub.mqtt_address, hub.put_device("pi-b")) as b,
    ):
        for device in (a, b):
            device.subscribe(topics.TWIN_RESPONSES)
        a.report({"owner": "a"})
        b.report({"owner": "b"})
        for number in range(count):
            for device, name in ((a, "a"), (b, "b")):
                device.client.publish(topics.twin_get(f"{name}-{number}"), b"")
        for device, name in ((a, "a"), (b, "b")):
            answers = [device.answers.get(timeout=10) for _ in range(count)]
            ids = [topics.parse_twin_response(topic) for topic, _ in answers]
            assert ids == [(200, f"{name}-{number}") for number in range(count)]
            assert {json.loads(body)["reported"]["owner"] for _, body in answers} == {name}
            with pytest.raises(queue.Empty):
                device.answers.get(timeout=0.05)


def test_without_a_subscription_a_report_counts_and_no_answer_comes(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.client.publish(topics.twin_patch_reported("1"), b'{"a":1}', qos=1).wait_for_publish(10)
        device.subscribe(topics.TWIN_RESPONSES)
        assert device.twin()["reported"] == {"a": 1, "$version": 2}


GRANTS = [
    (topics.TWIN_RESPONSES, 0, 0),
    (topics.TWIN_RESPONSES, 1, 1),
    (topics.TWIN_RESPONSES, 2, 1),
    (topics.DESIRED_PATCHES, 1, 1),
    ("#", 1, 0x80),
    ("$iothub/#", 1, 0x80),
    ("$iothub/twin/res/+", 1, 0x80),
    ("devices/pi-2/messages/devicebound/#", 1, 0x80),
    ("devices/+/messages/events/#", 0, 0x80),
]


@pytest.mark.parametrize(("topic", "qos", "granted"), GRANTS)
def test_only_its_own_topics_are_granted_and_qos_1_at_most(
    shared_hub: RunningHub, topic: str, qos: int, granted: int
) -> None:
    with PahoDevice(shared_hub.mqtt_address, shared_hub.put_device("pi-1")) as device:
        assert device.subscribe(topic, qos) == granted


def test_desired_properties_merge_and_reach_the_device_at_once_and_later(hub: RunningHub) -> None:
    device = hub.put_device("pi-1")
    with PahoDevice(hub.mqtt_address, device) as connected:
        connected.subscribe(topics.DESIRED_PATCHES)
        answer = hub.ask(op="patch_desired", device_id="pi-1", patch={"scanners": {"a": {"layout": "fr"}}})
        assert answer == {"ok": True, "version": 2}
        topic, body = connected.answers.get(timeout=10)
        assert topic == "$iothub/twin/PATCH/properties/desired/?$version=2"
        assert json.loads(body) == {"scanners": {"a": {"layout": "fr"}}, "$version": 2}
    hub.ask(op="patch_desired", device_id="pi-1", patch={"scanners": {"a": {"kind": "scanner", "layout": None}}})
    hub.kill()
    hub.start()
    with PahoDevice(hub.mqtt_address, device) as again:
        again.subscribe(topics.TWIN_RESPONSES)
        assert again.twin()["desired"] == {"scanners": {"a": {"kind": "scanner"}}, "$version": 3}


def test_a_change_of_desired_properties_becomes_an_event(hub: RunningHub) -> None:
    hub.put_device("pi-1")
    hub.ask(op="patch_desired", device_id="pi-1", patch={"a": 1})
    with hub.events() as events:
        change = events.until(lambda event: event.type == TWIN_CHANGE)[-1]
    assert change.body == {"properties": {"desired": {"a": 1}}, "version": 2}


def test_a_device_that_did_not_subscribe_hears_nothing_of_desired_properties(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.subscribe(topics.TWIN_RESPONSES)
        hub.ask(op="patch_desired", device_id="pi-1", patch={"a": 1})
        assert device.twin()["desired"] == {"a": 1, "$version": 2}  # and nothing came before this answer


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"device_id": "pi-9", "patch": {}}, "device_id is 'pi-9'; allowed: a device that this hub knows"),
        ({"device_id": "pi-1", "patch": []}, "patch is a list of 0; allowed: a JSON object"),
        ({"device_id": "pi-1", "patch": {"a.b": 1}}, "allowed: what a twin may hold"),
        ({"device_id": "pi-1", "patch": {"a": "x" * 5000}}, "allowed: what a twin may hold"),
    ],
)
def test_what_cannot_be_desired_is_refused_in_a_sentence(
    shared_hub: RunningHub, request_: dict[str, object], sentence: str
) -> None:
    shared_hub.put_device("pi-1")
    answer = shared_hub.ask(op="patch_desired", **request_)
    assert answer["ok"] is False
    assert sentence in answer["error"]
