"""Two hundred devices ask for their twins with the same request ids at once; each hears of its own alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from support.hub import running_hub
from support.mqtt import connect_packet, packet, publish_packet, text

DEVICES, ROUNDS = 200, 10
CONNACK, PUBLISH, SUBACK = 0x20, 0x30, 0x90


class Asker:
    """One device on asyncio, for one question at a time."""

    def __init__(self, device: ConnectionString) -> None:
        self.name = device.device_id
        self._device = device

    async def connect(self, address: tuple[str, int]) -> None:
        self._reader, self._writer = await asyncio.open_connection(*address)
        self._writer.write(connect_packet(self._device))
        assert await self._next() == (CONNACK, b"\x00\x00")
        self._writer.write(packet(0x82, b"\x00\x01" + text(topics.TWIN_RESPONSES) + b"\x00"))
        assert await self._next() == (SUBACK, b"\x00\x01\x00")

    async def ask(self, topic: str, body: bytes = b"") -> tuple[str, Any]:
        """The topic and the body of the next that is heard."""
        self._writer.write(publish_packet(topic, body, qos=0))
        kind, content = await self._next()
        assert kind == PUBLISH
        length = int.from_bytes(content[:2]) + 2
        return content[2:length].decode(), json.loads(content[length:] or b"null")

    async def close(self) -> bytes:
        """Leave; what was heard besides."""
        self._writer.write(b"\xe0\x00")
        rest = await self._reader.read()
        self._writer.close()
        return rest

    async def _next(self) -> tuple[int, bytes]:
        first = (await self._reader.readexactly(1))[0]
        length = shift = 0
        while True:
            digit = (await self._reader.readexactly(1))[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                return first, await self._reader.readexactly(length)


async def converse(asker: Asker, together: asyncio.Barrier) -> None:
    for round_ in range(ROUNDS):
        await together.wait()
        report = json.dumps({"name": asker.name, "round": round_}).encode()
        topic, _ = await asker.ask(topics.twin_patch_reported(f"{round_}p"), report)
        assert topic == topics.twin_response(204, f"{round_}p", round_ + 2)
        await together.wait()
        topic, twin = await asker.ask(topics.twin_get(f"{round_}g"))
        assert topic == topics.twin_response(200, f"{round_}g")
        assert twin["reported"] == {"name": asker.name, "round": round_, "$version": round_ + 2}
    assert await asker.close() == b""


def test_two_hundred_devices_that_share_request_ids_hear_of_their_own_twins_alone(tmp_path: Path) -> None:
    async def run(askers: list[Asker], address: tuple[str, int]) -> None:
        together = asyncio.Barrier(len(askers))
        for asker in askers:
            await asker.connect(address)
        async with asyncio.TaskGroup() as talks:
            for asker in askers:
                talks.create_task(converse(asker, together))

    with running_hub(tmp_path) as hub:
        askers = [Asker(hub.put_device(f"twin-{number}")) for number in range(DEVICES)]
        asyncio.run(run(askers, hub.mqtt_address))
