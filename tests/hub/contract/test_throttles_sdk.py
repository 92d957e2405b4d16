"""A hub that imitates the smallest Azure hub (`--throttle S1:1`), as the SDKs see it: 429, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.wire.hublink import TELEMETRY
from support.hub import RunningHub
from support.sdk import SdkDevice, SdkError, SdkProgram, SdkService, sdk_hub
from support.service import Service

UPDATES_A_SECOND = 50  # twin updates of S1
MESSAGES_A_SECOND = 100


@pytest.fixture(scope="module")
def throttled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder: Path = tmp_path_factory.mktemp("throttled")
    with sdk_hub(folder, "--throttle", "S1:1") as hub:
        yield hub


def outcome(program: SdkProgram, call: int) -> str:
    """What became of a call: empty, or what it raised."""
    try:
        program.result(call)
    except SdkError as error:
        return str(error)
    return ""


def test_too_many_reports_are_refused_with_429_and_those_that_count_are_in_the_twin(throttled: RunningHub) -> None:
    with SdkDevice(throttled, throttled.put_device("reports"), "async") as device:
        device.call("get_twin")
        calls = [
            device.begin("patch_twin_reported_properties", {f"n{number}": number})
            for number in range(4 * UPDATES_A_SECOND)
        ]
        outcomes = [outcome(device, call) for call in calls]
        taken = {f"n{number}": number for number, said in enumerate(outcomes) if not said}
        refused = [said for said in outcomes if said]
        assert len(taken) >= UPDATES_A_SECOND
        assert refused
        assert all("429" in said for said in refused)
        assert device.call("get_twin")["reported"] == taken | {"$version": 1 + len(taken)}


def test_too_much_telemetry_is_delayed_and_all_of_it_arrives(throttled: RunningHub) -> None:
    count = 3 * MESSAGES_A_SECOND
    with SdkDevice(throttled, throttled.put_device("talks"), "async") as device, throttled.events() as events:
        device.call("connect")
        began = time.monotonic()
        for call in [device.begin("send_message", {"body": str(number)}) for number in range(count)]:
            device.result(call)
        assert time.monotonic() - began > 1.5  # a second's worth goes at once
        arrived = 0
        while arrived < count:
            event = events.next()
            arrived += (event.type, event.device_id) == (TELEMETRY, "talks")


@pytest.mark.port_443
def test_too_many_queries_are_refused_with_429_and_told_when_to_come_again(throttled: RunningHub) -> None:
    query = "SELECT * FROM devices"
    with SdkService(throttled) as service:
        calls = [service.begin("query_iot_hub", {"model": "QuerySpecification", "query": query}) for _ in range(3)]
        outcomes = [outcome(service, call) for call in calls]
    assert outcomes[0] == ""
    assert "ThrottlingException" in outcomes[2]
    answer = Service(throttled).ask("POST", "/devices/query", {"query": query})
    assert answer.status == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
