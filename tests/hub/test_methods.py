"""Direct methods: asked of one connected device, answered once, or refused for a reason that is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pi_auto.hub.database import BusyError
from pi_auto.hub.methods import MOST_CALLS_OF_ONE, MOST_PAYLOAD, DeviceOffline, MethodResult, MethodTimeout
from pi_auto.wire import topics
from support.inner_hub import InnerHub, inner_hub
from support.mqtt import PahoDevice

Scene = Callable[[InnerHub, PahoDevice], Coroutine[Any, Any, None]]


def play(folder: Path, scene: Scene) -> None:
    """A scene with a hub and its device pi-1, which has subscribed to methods."""

    async def run() -> None:
        async with inner_hub(folder) as hub:
            known = await hub.put_device("pi-1")
            device = PahoDevice(hub.mqtt_address, known)
            await asyncio.to_thread(device.__enter__)
            try:
                await asyncio.to_thread(device.subscribe, topics.METHODS)
                await scene(hub, device)
            finally:
                await asyncio.to_thread(device.close)

    asyncio.run(run())


async def next_call(device: PahoDevice) -> tuple[str, str, Any]:
    """Name, request id and payload of the call that the device gets."""
    topic, body = await asyncio.to_thread(device.answers.get, timeout=10)
    call = topics.parse_method_call(topic)
    assert call is not None
    return *call, json.loads(body)


def answer(device: PahoDevice, request_id: str, body: bytes = b"", status: int = 200) -> None:
    device.client.publish(topics.method_answer(status, request_id), body, qos=1)


@pytest.mark.parametrize(
    ("status", "body", "payload"),
    [(200, b'{"a":[1,null]}', {"a": [1, None]}), (404, b"", None), (-1, b"null", None), (503, b'"x"', "x")],
)
def test_the_device_gets_name_and_payload_and_the_caller_its_answer(
    tmp_path: Path, status: int, body: bytes, payload: Any
) -> None:
    async def scene(hub: InnerHub, device: PahoDevice) -> None:
        asked = asyncio.create_task(hub.services.methods.call("pi-1", "re start", {"seconds": 3}))
        name, request_id, received = await next_call(device)
        assert (name, received) == ("re start", {"seconds": 3})
        answer(device, request_id, body, status)
        assert await asked == MethodResult(status, payload)

    play(tmp_path, scene)


def test_concurrent_calls_get_their_own_answers_and_a_null_payload_arrives_as_null(tmp_path: Path) -> None:
    async def scene(hub: InnerHub, device: PahoDevice) -> None:
        first, second = (
            asyncio.create_task(hub.services.methods.call("pi-1", name, None)) for name in ("first", "second")
        )
        calls = [await next_call(device), await next_call(device)]
        assert [call[2] for call in calls] == [None, None]
        for name, request_id, _ in reversed(calls):
            answer(device, request_id, json.dumps(name).encode())
        assert (await first, await second) == (MethodResult(200, "first"), MethodResult(200, "second"))

    play(tmp_path, scene)


def test_no_answer_and_one_that_is_not_json_end_as_a_timeout(tmp_path: Path) -> None:
    async def scene(hub: InnerHub, device: PahoDevice) -> None:
        with pytest.raises(MethodTimeout, match="has not answered slow within"):
            await hub.services.methods.call("pi-1", "slow", {}, response_timeout=0.05)
        _, late, _ = await next_call(device)
        asked = asyncio.create_task(hub.services.methods.call("pi-1", "odd", {}))
        _, request_id, _ = await next_call(device)
        answer(device, late, b'"too late"')
        answer(device, request_id, b"{")
        with pytest.raises(MethodTimeout, match="1 bytes that are not JSON"):
            await asked

    play(tmp_path, scene)


@pytest.mark.parametrize("body", [b"NaN", b'{"a":-Infinity}', b"[1e999]"])
def test_what_python_reads_and_json_does_not_know_is_no_json(tmp_path: Path, body: bytes) -> None:
    async def scene(hub: InnerHub, device: PahoDevice) -> None:
        with pytest.raises(ValueError, match="JSON"):
            await hub.services.methods.call("pi-1", "odd", {"a": float(body.strip(b'{}"a:[]') or 0)})
        asked = asyncio.create_task(hub.services.methods.call("pi-1", "odd", {}))
        _, request_id, _ = await next_call(device)
        answer(device, request_id, body)
        with pytest.raises(MethodTimeout, match="not JSON"):
            await asked

    play(tmp_path, scene)


def test_an_answer_to_a_call_of_the_hub_before_a_restart_is_not_taken_for_another(tmp_path: Path) -> None:
    former: list[str] = []

    async def before(hub: InnerHub, device: PahoDevice) -> None:
        with pytest.raises(MethodTimeout):
            await hub.services.methods.call("pi-1", "slow", {}, response_timeout=0.05)
        former.append((await next_call(device))[1])

    async def after(hub: InnerHub, device: PahoDevice) -> None:
        asked = asyncio.create_task(hub.services.methods.call("pi-1", "quick", {}))
        _, request_id, _ = await next_call(device)
        answer(device, former[0], b'"of slow"')
        answer(device, request_id, b'"of quick"')
        assert (await asked).payload == "of quick"

    play(tmp_path, before)
    play(tmp_path, after)


def test_a_device_that_is_away_or_has_not_subscribed_is_offline(tmp_path: Path) -> None:
    async def scene(hub: InnerHub, device: PahoDevice) -> None:
        device.client.unsubscribe(topics.METHODS)
        await asyncio.to_thread(device.subscribe, topics.TWIN_RESPONSES)  # so that the hub has both
        for device_id in ("nobody", "pi-1"):
            with pytest.raises(DeviceOffline, match=device_id):
                await hub.services.methods.call(device_id, "restart", {}, connect_timeout=0.01)

    play(tmp_path, scene)


def test_a_call_waits_for_a_device_that_comes_in_time(tmp_path: Path) -> None:
    async def scene(hub: InnerHub, device: PahoDevice) -> None:
        device.client.unsubscribe(topics.METHODS)
        await asyncio.to_thread(device.subscribe, topics.TWIN_RESPONSES)
        asked = asyncio.create_task(hub.services.methods.call("pi-1", "restart", {}, connect_timeout=30))
        await asyncio.sleep(0)
        await asyncio.to_thread(device.subscribe, topics.METHODS)
        _, request_id, _ = await next_call(device)
        answer(device, request_id, b"1")
        assert await asked == MethodResult(200, 1)

    play(tmp_path, scene)


def test_another_device_cannot_answer_and_a_thousand_strange_answers_harm_nobody(tmp_path: Path) -> None:
    async def scene(hub: InnerHub, device: PahoDevice) -> None:
        other = PahoDevice(hub.mqtt_address, await hub.put_device("pi-2"))
        await asyncio.to_thread(other.__enter__)
        asked = asyncio.create_task(hub.services.methods.call("pi-1", "restart", {}))
        _, request_id, _ = await next_call(device)
        for number in range(1000):
            answer(other, request_id if number == 500 else f"{number}", b'"from another"')
        await asyncio.to_thread(other.send_and_wait, b"all answers are there")
        answer(device, request_id, b'"its own"')
        assert (await asked).payload == "its own"
        await asyncio.to_thread(other.close)

    play(tmp_path, scene)


def test_too_much_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async def scene(hub: InnerHub, _: PahoDevice) -> None:
        with pytest.raises(ValueError, match=f"at most {MOST_PAYLOAD}"):
            await hub.services.methods.call("pi-1", "restart", "x" * MOST_PAYLOAD)
        asked = [
            asyncio.create_task(hub.services.methods.call("pi-1", "restart", {}, response_timeout=0.2))
            for _ in range(MOST_CALLS_OF_ONE + 1)
        ]
        ends = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(end) for end in ends] == [MethodTimeout] * MOST_CALLS_OF_ONE + [BusyError]

    play(tmp_path, scene)
