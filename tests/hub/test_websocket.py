"""MQTT over WebSocket is the same conversation as over TCP, with somebody else's client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import paho.mqtt.client as paho
from aiohttp import web
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from pi_auto.hub import websocket
from pi_auto.wire import topics
from support.inner_hub import InnerHub, inner_hub
from support.mqtt import token
from support.waiting import wait_until


@asynccontextmanager
async def listening(hub: InnerHub) -> AsyncIterator[int]:
    """The port of an HTTP server that carries MQTT to the hub."""
    app = web.Application()
    app[websocket.CONNECTIONS] = hub.connections
    app.router.add_get(websocket.PATH, websocket.serve)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def test_a_large_message_is_acknowledged_and_a_bad_frame_closes(tmp_path: Path) -> None:
    async def run() -> None:
        async with inner_hub(tmp_path) as hub, listening(hub) as port:
            known = await hub.put_device("pi-1")

            def device() -> None:
                client = paho.Client(
                    CallbackAPIVersion.VERSION2, known.device_id, transport="websockets",
                    protocol=MQTTProtocolVersion.MQTTv311, reconnect_on_failure=False,
                )  # fmt: skip
                client.ws_set_options(path=websocket.PATH)
                client.username_pw_set(topics.user_name(known.host, known.device_id), token(known))
                client.connect("127.0.0.1", port)
                client.loop_start()
                wait_until(client.is_connected, what="a CONNACK")
                sent = [client.publish(topics.telemetry("pi-1", {}), b"x" * 200_000, qos=1) for _ in range(8)]
                wait_until(lambda: all(message.is_published() for message in sent), what="the PUBACKs")
                client.disconnect()
                client.loop_stop()
                client._reset_sockets()

            await asyncio.to_thread(device)
            url = f"http://127.0.0.1:{port}{websocket.PATH}"
            async with aiohttp.ClientSession() as session:
                async with session.get(url) as plain:
                    assert plain.status == 400
                async with session.ws_connect(url, protocols=("mqtt",)) as socket:
                    assert socket.protocol == "mqtt"
                    await socket.send_bytes(b"\xff" * 10)
                    assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE

    asyncio.run(run())
