"""The line by which a hub says that it is ready, and where it listens. Pure."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from pi_auto.server.settings import OFF, Address, SettingsError

_MARK = "pi-auto-hub ready: "


class Bound(NamedTuple):
    """Where a hub listens for MQTT, and for MQTT by WebSocket; None where it does not."""

    mqtt: Address | None
    websocket: Address | None


def is_ready_line(line: str) -> bool:
    """Whether a line of the hub's output is this one."""
    return _MARK in line


def read_ready_line(line: str) -> Bound:
    """Where the hub listens. Raises ValueError for a line that cannot be read."""
    try:
        said = dict(part.partition("=")[::2] for part in shlex.split(line.partition(_MARK)[2]))
        mqtt, websocket = said.get("mqtt", ""), said.get("websocket", OFF)
        return Bound(Address.parse(mqtt, "the hub's ready line"), Address.parse(websocket, "the hub's ready line"))
    except SettingsError as error:
        raise ValueError(str(error)) from None
