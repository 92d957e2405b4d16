"""paho's client as the link uses it: MQTT 3.1.1 in the conventions of IoT Hub, by TCP or within a WebSocket."""

from __future__ import annotations

import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from pi_auto.client.agent.hub.carriers import Carrier
from pi_auto.client.agent.hub.way import HubWay
from pi_auto.client.agent.tls import NamedContext
from pi_auto.wire import topics

PATIENCE = 5.0  # seconds for each step of connecting; the agent must be able to stop within as many


def mqtt_client(way: HubWay, tls: NamedContext | None, token_life: int) -> mqtt.Client:
    """One for a single connection, with a token good for `token_life` seconds from now."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=way.credentials.device_id,
        clean_session=True,
        protocol=mqtt.MQTTv311,
        reconnect_on_failure=False,
        transport="websockets" if way.carrier is Carrier.WEBSOCKET else "tcp",
    )
    client.ws_set_options(topics.WEBSOCKET_PATH, lambda headers: headers | _named(way))
    client.max_inflight_messages = 0  # no limit: the window above keeps it, nothing is to wait in here
    client.connect_timeout = PATIENCE
    client.username_pw_set(way.user_name(), way.password(time.time(), token_life))
    if tls is not None:
        client.tls_set_context(tls)
    return client


def _named(way: HubWay) -> dict[str, str]:
    """The headers of the WebSocket that name the hub: paho would put in what is dialled."""
    host = way.credentials.host if way.port == topics.WEBSOCKET_PORT else f"{way.credentials.host}:{way.port}"
    return {"Host": host, "Origin": f"https://{host}"}
