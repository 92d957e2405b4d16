"""Finds out whether the hub closes the connection because of one record, by sending it after another.

On one connection the hub must first acknowledge a record that nobody suspects, then it gets the
suspect alone. Where it hangs up only then, twice, the record is at fault. A hub that is down, full
or out of order takes the first one neither, so that no outage can cost a record.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum, auto

from pi_auto.client.agent.errors import HubLost
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.wire.scan import Record
from pi_auto.wire.telemetry import telemetry_body, telemetry_topic

_LOOK = 0.5  # seconds between looks whether the agent is to stop


class Verdict(Enum):
    """What a trial has shown."""

    UNKNOWN = auto()
    INNOCENT = auto()  # the hub has acknowledged the suspect
    GUILTY = auto()


class Trial:
    """A trial on an open connection; the hub gets `patience` seconds to acknowledge each record."""

    def __init__(
        self, connection: HubConnection, device_id: str, patience: float, stopped: Callable[[], bool]
    ) -> None:
        self._connection, self._device_id = connection, device_id
        self._patience, self._stopped = patience, stopped

    def verdict(self, suspect: Record, other: Record) -> Verdict:
        """What becomes of `suspect` where the hub takes `other`. HubLost if it did not take that."""
        if not self._arrives(other):
            return Verdict.UNKNOWN
        try:
            return Verdict.INNOCENT if self._arrives(suspect) else Verdict.UNKNOWN
        except HubLost:
            return Verdict.UNKNOWN if self._stopped() else Verdict.GUILTY

    def _arrives(self, record: Record) -> bool:
        """Whether it is acknowledged in time. HubLost if the connection goes instead."""
        token = self._connection.publish(
            telemetry_topic(self._device_id, record), telemetry_body(self._device_id, record)
        )
        deadline = time.monotonic() + self._patience
        while token not in self._connection.acknowledged:
            left = deadline - time.monotonic()
            if left <= 0 or self._stopped():
                return False
            self._connection.turn(min(left, _LOOK))
        self._connection.acknowledged.clear()
        return True
