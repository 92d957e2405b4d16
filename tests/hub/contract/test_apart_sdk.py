"""Two devices by Microsoft's SDK that ask with the same request ids at the same moment never see each other's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.hub import RunningHub
from support.sdk import SdkDevice
from support.service import Service

ROUNDS = 40


def test_answers_of_twins_never_reach_another_device_that_asked_with_the_same_id(hub: RunningHub) -> None:
    def talk(device: SdkDevice, name: str) -> None:
        device.call("patch_twin_reported_properties", {"name": name, "round": -1})
        for round_ in range(ROUNDS):
            calls = [device.begin("get_twin") for _ in range(4)]
            report = device.begin("patch_twin_reported_properties", {"round": round_})
            assert {device.result(call)["reported"]["name"] for call in calls} == {name}
            device.result(report)
            assert device.call("get_twin")["reported"]["round"] == round_

    known = {name: hub.put_device(name) for name in ("one", "two")}
    with (
        SdkDevice(hub, known["one"], "async", counted_ids=True) as one,
        SdkDevice(hub, known["two"], "async", counted_ids=True) as two,
        ThreadPoolExecutor(2) as both,
    ):
        for work in [both.submit(talk, one, "one"), both.submit(talk, two, "two")]:
            work.result()


@pytest.mark.port_443
def test_methods_messages_and_desired_properties_reach_the_device_they_are_for(hub: RunningHub) -> None:
    names = ("left", "right")
    known = {name: hub.put_device(name) for name in names}
    service = Service(hub)

    def command(name: str) -> None:
        for number in range(20):
            said = f"{name} {number}"
            answer = service.ask(
                "POST", f"/twins/{name}/methods",
                {"methodName": "echo", "payload": said, "responseTimeoutInSeconds": 20},
            )  # fmt: skip
            assert answer.body == {"status": 200, "payload": said}
            posted = service.ask("POST", f"/devices/{name}/messages/devicebound", said.encode())
            assert posted.status == 204
            hub.ask(op="patch_desired", device_id=name, patch={"said": said})

    with (
        SdkDevice(hub, known["left"], "sync", counted_ids=True) as left,
        SdkDevice(hub, known["right"], "async", counted_ids=True) as right,
        ThreadPoolExecutor(2) as both,
    ):
        for device in (left, right):
            device.call("listen", "method", "message", "desired")
        for work in [both.submit(command, name) for name in names]:
            work.result()
        for device, name in ((left, "left"), (right, "right")):
            expected = {f"{name} {number}" for number in range(20)}
            assert {device.heard("message")["body"] for _ in expected} == expected
            assert {device.heard("method")["payload"] for _ in expected} == expected
            assert {device.heard("desired")["said"] for _ in expected} == expected
            assert [device.unheard(kind) for kind in ("message", "method", "desired")] == [[], [], []]
