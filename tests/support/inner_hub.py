"""A hub inside the test's own event loop, for what only its own parts can call.

async with inner_hub(tmp_path) as hub:
    with PahoDevice(hub.mqtt_address, await hub.put_device("pi-1")) as device:
        await asyncio.to_thread(device.subscribe, topics.METHODS)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pi_auto.hub.connection import Connection
from pi_auto.hub.connections import Connections
from pi_auto.hub.options import Options
from pi_auto.hub.services import Services
from pi_auto.hub.stores import open_stores
from pi_auto.wire.connection_string import ConnectionString


@dataclass(frozen=True, slots=True)
class InnerHub:
    """The parts of a running hub and where it listens."""

    services: Services
    connections: Connections
    mqtt_address: tuple[str, int]

    async def put_device(self, device_id: str) -> ConnectionString:
        """Make sure the hub knows a device."""
        device = await self.services.registry.put(device_id)
        return ConnectionString(self.services.host, device_id, device.primary_key)


@asynccontextmanager
async def inner_hub(folder: Path, throttle: str | None = None) -> AsyncIterator[InnerHub]:
    """A hub that runs inside the block, on a free port of loopback without TLS."""
    data = folder / "hub"
    data.mkdir(exist_ok=True)
    options = Options(data, "127.0.0.1", 0, "127.0.0.1", data / "hub.sock", throttle=throttle)
    async with AsyncExitStack() as stack:
        services = (await open_stores(stack, options, _failed)).services
        connections = Connections(services, most=100, connect_timeout=10)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(connections), "127.0.0.1", 0)
        stack.callback(connections.abort)
        stack.callback(server.close)
        yield InnerHub(services, connections, server.sockets[0].getsockname())
        connections.close()
        await services.log.drained()


def _failed(reason: str) -> None:
    raise AssertionError(reason)
