"""What an answer of the service side means: values, or who has to do what about the refusal. Pure.

Source: Microsoft, "IoT Hub error codes"; the code stands in the header iothub-errorcode.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pi_auto.server.links.base import DeviceOffline, HubRefused, HubUnavailable

_OFFLINE = ("DeviceNotOnline", "GatewayTimeout")
_OFFLINE_NUMBERS = ('"errorCode":404103', '"errorCode":504101')  # newer answers have these in their Message
_UNKNOWN, _UNKNOWN_NUMBER = "DeviceNotFound", "404001"
_LATER = ("IotHubQuotaExceeded", "ThrottlingException", "ServerBusy")
_MOST_SAID = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `body` is any JSON value and in no repr, for it may hold keys."""

    status: int
    code: str
    body: Any = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300


def read_answer(status: int, headers: Mapping[str, str], octets: bytes) -> Answer:
    """The answer. Raises HubUnavailable where one that says yes is not JSON: something else answers there."""
    try:
        body = json.loads(octets) if octets else None
    except (ValueError, RecursionError):
        if status < 300:
            raise HubUnavailable(f"its answer of {len(octets)} bytes with status {status} is not JSON") from None
        body = None
    return Answer(status, headers.get("iothub-errorcode", ""), body)


def is_of_no_device(answer: Answer) -> bool:
    """Whether the hub itself says that it has no such device. A mere 404 is said by others too."""
    said = _said(answer.body)
    return answer.status == 404 and (answer.code == _UNKNOWN or _UNKNOWN in said or _UNKNOWN_NUMBER in said)


def refusal(asked: str, answer: Answer) -> HubUnavailable:
    """What to raise for an answer that says no."""
    said = _said(answer.body)
    sentence = f"Azure answered {asked} with {answer.status} {answer.code or 'and no error code'}: {said}"
    if answer.code in _OFFLINE or any(number in said.replace(" ", "") for number in _OFFLINE_NUMBERS):
        return DeviceOffline(sentence)
    if answer.code in _LATER or answer.status == 429 or answer.status >= 500:
        return HubUnavailable(sentence)
    return HubRefused(sentence)


def _said(body: Any) -> str:
    """What it said, bounded and on one line, for it goes into logs."""
    message = body.get("Message") or body.get("message") if isinstance(body, dict) else None
    text = message if isinstance(message, str) else "nothing"
    return "".join(mark if mark.isprintable() else " " for mark in text[:_MOST_SAID])
