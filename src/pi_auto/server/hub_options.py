"""The options that say where the fleet's hub is: beside the server, or at Azure."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pi_auto.server.settings import HUBS, LOCAL

HUB_MQTT, HUB_MQTT_UNTRUSTED = "0.0.0.0:8883", "127.0.0.1:1883"  # the second with --trust off


def add_local_hub(add: Callable[..., Any]) -> None:
    """Where devices reach the hub that the server runs itself."""
    add(
        "--hub-mqtt",
        metavar="ADDRESS:PORT",
        help="where the local hub takes MQTT, within TLS; port 0 takes the one it had before, else a free one,"
        f" `off` none ({HUB_MQTT}; off with --hub azure; with --trust off {HUB_MQTT_UNTRUSTED}, without TLS)",
    )
    add(
        "--hub-websocket",
        metavar="ADDRESS:PORT",
        default="off",
        help="where the local hub takes MQTT by WebSocket too, within TLS, for networks that let"
        " nothing but port 443 out (%(default)s)",
    )


def add_hub(add: Callable[..., Any]) -> None:
    """Where the hub is, and how its service side is asked."""
    add(
        "--hub",
        choices=HUBS,
        default=os.environ.get("PI_AUTO_HUB") or LOCAL,
        help="where the fleet's hub is: one that the server runs itself, or Azure IoT Hub"
        " (default: PI_AUTO_HUB, or local)",
    )
    add(
        "--azure-service-file",
        metavar="FILE",
        default=os.environ.get("PI_AUTO_AZURE_SERVICE_FILE"),
        help="a file, readable by its owner alone, that holds the hub's service connection string"
        " (or the string itself in the variable PI_AUTO_AZURE_SERVICE)",
    )
    add(
        "--azure-entra",
        action="store_true",
        default=os.environ.get("PI_AUTO_AZURE_ENTRA") == "1",
        help="sign in by Entra ID (a managed identity, or the variables AZURE_…) where a string has no key",
    )


def add_events(add: Callable[..., Any]) -> None:
    """How the hub at Azure is read, and what devices are told of it."""
    add(
        "--azure-events-file",
        metavar="FILE",
        default=os.environ.get("PI_AUTO_AZURE_EVENTS_FILE"),
        help="the same with the connection string of its Event Hub-compatible endpoint (PI_AUTO_AZURE_EVENTS)",
    )
    add(
        "--azure-consumer-group",
        metavar="NAME",
        default=os.environ.get("PI_AUTO_AZURE_CONSUMER_GROUP") or "$Default",
        help="the consumer group to read events by; nothing else may read by it (%(default)s)",
    )
    add(
        "--azure-device-host",
        metavar="NAME",
        default=os.environ.get("PI_AUTO_AZURE_DEVICE_HOST"),
        help="the host name that devices are told, where it is not the service connection string's",
    )
