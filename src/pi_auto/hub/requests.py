"""What a device may publish and subscribe to, read from the topic. Everything else is another's."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple
from urllib.parse import unquote

from pi_auto.wire import topics

SUBSCRIBABLE = (topics.TWIN_RESPONSES, topics.DESIRED_PATCHES, topics.METHODS)
_TWIN = re.compile(r"\$iothub/twin/(GET|PATCH/properties/reported)/\?(.*)\Z", re.DOTALL)
_REPORT = topics.twin_patch_reported("")
_MOST_REQUEST_ID = 256


class Asks(Enum):
    """What a device wants of its twin."""

    GET = "GET"
    REPORT = "PATCH/properties/reported"


class TwinRequest(NamedTuple):
    """A request about the twin, to be answered under the id that the device chose."""

    asks: Asks
    request_id: str


def telemetry_bag(topic: str, prefix: str) -> str | None:
    """The property bag of a telemetry topic, `prefix` being the device's own; nothing for other topics."""
    if topic.startswith(prefix):
        return topic[len(prefix) :]
    return "" if topic == prefix[:-1] else None  # IoT Hub takes `…/messages/events` too


def twin_request(topic: str) -> TwinRequest | None:
    """The twin request that a topic names; nothing for other topics or without a usable id."""
    if topic.startswith(_REPORT) and "&" not in topic and "%" not in topic:  # every heartbeat of every device
        request_id = topic[len(_REPORT) :]
        return TwinRequest(Asks.REPORT, request_id) if len(request_id) <= _MOST_REQUEST_ID else None
    match = _TWIN.match(topic)
    if match is None:
        return None
    named = [part[len("$rid=") :] for part in match[2].split("&") if part.startswith("$rid=")]
    if not named or len(named[0]) > _MOST_REQUEST_ID:
        return None
    return TwinRequest(Asks(match[1]), unquote(named[0]))
