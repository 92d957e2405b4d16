"""What came of a direct method, as one word and a sentence for a person. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pi_auto.server.calls.trail import Ending
from pi_auto.server.links.base import DeviceOffline, HubRefused, HubUnavailable, MethodAnswer
from pi_auto.wire.escape import printable
from pi_auto.wire.methods import NOT_NOW, TOO_OFTEN, UNKNOWN

DONE, REFUSED, OFFLINE, TIMEOUT = "done", "refused", "offline", "timeout"
UNREACHABLE, INTERRUPTED, STORED, MISSING = "unreachable", "interrupted", "stored", "missing"
GOOD = (DONE, STORED)
_LONGEST = 500  # characters of what a device says

_WHY: Mapping[int, str] = {
    UNKNOWN: "its client does not know this method",
    TOO_OFTEN: "it was asked too often",
    NOT_NOW: "it cannot be done now",
}


def of_answer(answer: MethodAnswer) -> Ending:
    """The device has answered, a yes or a no."""
    said = printable(json.dumps(answer.payload))[:_LONGEST] if answer.payload not in (None, {}) else ""
    if 200 <= answer.status < 300:
        return Ending(DONE, answer.status, said)
    error = answer.payload.get("error") if isinstance(answer.payload, dict) else None
    words = printable(error)[:_LONGEST] if isinstance(error, str) else said
    why = _WHY.get(answer.status, "the device says no")
    return Ending(REFUSED, answer.status, f"{why}: {words}" if words else why)


def of_failure(error: HubUnavailable, waited: float, timeout: float) -> Ending:
    """There is no answer; `waited` and `timeout` are seconds. A hub says at once that a device is not there."""
    if isinstance(error, DeviceOffline):
        if waited < timeout:
            return Ending(OFFLINE, None, f"{printable(str(error))}; nothing was done")
        return Ending(TIMEOUT, None, f"{printable(str(error))}; whether it was done is not known")
    if isinstance(error, HubRefused):
        return Ending(REFUSED, None, printable(str(error)))
    return Ending(UNREACHABLE, None, f"the hub cannot be reached: {printable(str(error))}")


def of_bundle(octets: int | None, seconds: float) -> Ending:
    """The bundle has come, so many bytes, or has not within so many seconds."""
    if octets is None:
        return Ending(MISSING, None, f"the device has answered, and its bundle has not come within {seconds:g} s")
    return Ending(STORED, None, f"a bundle of {octets:,} bytes")


def sentence(device_id: str, method: str, ending: Ending) -> str:
    """What a person is told."""
    status = f" ({ending.status})" if ending.status is not None else ""
    said: Any = f": {ending.said}" if ending.said else ""
    return f"{device_id}: {method}: {ending.outcome}{status}{said}"
