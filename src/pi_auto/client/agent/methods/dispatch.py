"""Which direct method a call means, and what is answered. Pure but for what the methods themselves do.

Runs in the thread of the hub's connection: a method returns at once, and leaves to another thread
whatever takes time. Whatever comes in is answered, so that nobody waits for a time-out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.methods import BAD_PAYLOAD, NAMES, NOT_NOW, UNKNOWN, Answer, checked, refusal

log = logging.getLogger("pi_auto.methods")

Method = Callable[[dict[str, Any]], Answer]
_MOST = 128 * 1024  # bytes of a payload: IoT Hub's limit


class Methods:
    """The methods of this device by name; a known one that is not among them cannot be done by this client."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods

    def answer(self, name: str, body: bytes) -> tuple[int, bytes]:
        """Do what is called for; the status and the JSON object to answer with."""
        answer = self._answer(name, body)
        log.info("direct method %s: status=%d", shown(name), answer.status)
        return answer.status, json.dumps(answer.payload, separators=(",", ":")).encode()

    def _answer(self, name: str, body: bytes) -> Answer:
        if name not in NAMES:
            return refusal(UNKNOWN, f"{shown(name)} is no method of this device; allowed: {', '.join(NAMES)}")
        try:
            values = checked(name, _read(body))
        except FieldError as error:
            return refusal(BAD_PAYLOAD, str(error))
        method = self._methods.get(name)
        if method is None:
            return refusal(NOT_NOW, f"this version of the client cannot do {name} yet")
        try:
            return method(values)
        except OSError as error:
            return refusal(NOT_NOW, f"{name} cannot be done now: {error.strerror or error}")


def _read(body: bytes) -> object:
    """What was handed over; nothing at all is an empty object. Raises FieldError."""
    if len(body) > _MOST:
        raise FieldError("payload", f"{len(body)} bytes", f"at most {_MOST} bytes")
    try:
        return json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise FieldError("payload", shown(body), "JSON") from None
