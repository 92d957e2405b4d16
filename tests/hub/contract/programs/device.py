"""A device by Microsoft's azure-iot-device, as it comes from the package index, told by JSON lines what to do.

First line in: {"client": "sync" or "async", "connection_string" or "sas_token", "options", "counted_ids": bool}.
Then calls {"id", "call": a method of the client, "with": [arguments]}, each answered when it is done by
{"id", "result"} or {"id", "error"}. What the hub says by itself comes as {"told", "value"}, told being one of
desired, message, method, connected, token_wanted.

Methods it knows: `echo` answers 200 and its payload, `refuse` 418 and no payload, others are never answered.
When its input ends the program dies at once, as a device does whose power goes.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import os
import sys
import threading
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from azure.iot.device import IoTHubDeviceClient, Message, MethodResponse
from azure.iot.device.aio import IoTHubDeviceClient as AsyncDeviceClient

CLASSES = {"sync": IoTHubDeviceClient, "async": AsyncDeviceClient}
PROPERTIES = ("message_id", "correlation_id", "user_id", "content_type", "content_encoding")
_writing = threading.Lock()


def say(line: dict[str, Any]) -> None:
    with _writing:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def count_ids() -> None:
    """Let every program that does so ask with the same request ids: the SDK takes them from uuid4."""
    numbers = itertools.count(1)
    uuid.uuid4 = lambda: uuid.UUID(int=next(numbers))


class Device:
    """One client, whichever of the two; both have the same methods, one's are coroutines."""

    def __init__(self, first: dict[str, Any]) -> None:
        self._synchronous = first["client"] == "sync"
        made_by = CLASSES[first["client"]]
        if "sas_token" in first:
            self.client = made_by.create_from_sastoken(first["sas_token"], **first["options"])
        else:
            self.client = made_by.create_from_connection_string(first["connection_string"], **first["options"])
        self.client.on_connection_state_change = self._handler(self._on_connection)
        self.client.on_new_sastoken_required = self._handler(self._on_token)

    async def call(self, name: str, arguments: list[Any]) -> Any:
        if name == "listen":
            return await asyncio.to_thread(self._listen, *arguments)
        if name == "send_message":
            arguments = [message(**arguments[0])]
        result = await asyncio.to_thread(getattr(self.client, name), *arguments)
        return await result if inspect.isawaitable(result) else result

    def _listen(self, *kinds: str) -> None:
        """Set the handlers of `kinds`, by which the SDK subscribes."""
        if "desired" in kinds:
            self.client.on_twin_desired_properties_patch_received = self._handler(self._on_desired)
        if "message" in kinds:
            self.client.on_message_received = self._handler(self._on_message)
        if "method" in kinds:
            self.client.on_method_request_received = self._handler(self._on_method)

    async def _on_connection(self) -> None:
        say({"told": "connected", "value": self.client.connected})

    async def _on_token(self) -> None:
        say({"told": "token_wanted", "value": None})

    async def _on_desired(self, patch: Any) -> None:
        say({"told": "desired", "value": patch})

    async def _on_message(self, received: Message) -> None:
        known = {name: getattr(received, name) for name in PROPERTIES}
        value = known | {"body": received.data.decode(), "properties": received.custom_properties}
        say({"told": "message", "value": value})

    async def _on_method(self, request: Any) -> None:
        say({"told": "method", "value": {"name": request.name, "payload": request.payload}})
        if request.name == "echo":
            await self.call("send_method_response", [MethodResponse(request.request_id, 200, request.payload)])
        elif request.name == "refuse":
            await self.call("send_method_response", [MethodResponse(request.request_id, 418)])

    def _handler(self, work: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
        """The asynchronous client takes coroutines, the other one functions, which it runs in threads."""
        if not self._synchronous:
            return work
        return lambda *arguments: asyncio.run(work(*arguments))


def message(body: str, properties: dict[str, str] | None = None, **fields: str) -> Message:
    made = Message(body)
    made.custom_properties = properties or {}
    for name, value in fields.items():
        setattr(made, name, value)
    return made


async def answer(device: Device, request: dict[str, Any]) -> None:
    try:
        result = await device.call(request["call"], request["with"])
    except Exception as error:  # noqa: BLE001 - the test decides what may be raised
        say({"id": request["id"], "error": f"{error!r} because of {error.__cause__!r}"})
    else:
        say({"id": request["id"], "result": result})


async def main() -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))
    first = json.loads(await asyncio.to_thread(sys.stdin.readline))
    if first.get("counted_ids"):
        count_ids()
    device = Device(first)
    tasks = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        tasks.add(task := asyncio.create_task(answer(device, json.loads(line))))
        task.add_done_callback(tasks.discard)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
