"""Has a device do one thing. The audit has it before the hub does, and what came of it once that is known."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from pi_auto.server.calls.outcomes import INTERRUPTED, of_answer, of_failure
from pi_auto.server.calls.trail import Call, Ending, Trail
from pi_auto.server.errors import AuditError
from pi_auto.server.links.base import HubUnavailable, MethodAnswer


class Hub(Protocol):
    """As much of a Link as a call needs."""

    def call_method(self, device_id: str, name: str, payload: Any, *, timeout: float) -> MethodAnswer:
        """Call a direct method. Raises DeviceOffline, HubUnavailable or HubRefused."""
        ...


def now_utc() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


def call_method(hub: Hub, trail: Trail, call: Call, timeout: float) -> Ending:
    """Call the method `call.action` and wait `timeout` seconds; never called twice. Raises AuditError."""

    def ask() -> Ending:
        return of_answer(hub.call_method(call.device_id, call.action, call.payload, timeout=timeout))

    return audited(trail, call, ask, timeout)


def audited(
    trail: Trail,
    call: Call,
    ask: Callable[[], Ending],
    timeout: float = math.inf,
    clock: Callable[[], datetime] = now_utc,
) -> Ending:
    """Note the call, ask, note what came of it. Raises AuditError where it cannot be noted: nothing was sent."""
    trail.note(call, clock())
    began = time.monotonic()
    try:
        ending = ask()
    except HubUnavailable as error:
        ending = of_failure(error, time.monotonic() - began, timeout)
    except BaseException as error:  # Ctrl-C as well: what was sent may still be done
        with suppress(AuditError):
            ending = Ending(INTERRUPTED, None, f"{type(error).__name__}; whether it was done is not known")
            trail.note_ending(call, ending, clock())
        raise
    trail.note_ending(call, ending, clock())
    return ending
