"""Puts a doubted record to the trial on a new connection, and sets it aside once it is found guilty."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from random import Random

from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.errors import HubLost
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.doubt import Doubt
from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.hub.trial import Trial, Verdict
from pi_auto.client.agent.hub.window import WINDOW
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.reader import Unreadable
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Record

log = logging.getLogger("pi_auto.delivery.hub")


class Doubting:
    """The doubt about records of `lane`, from one connection to the next."""

    def __init__(
        self, lane: Lane, device_id: str, limits: Limits, rng: Random, stopped: Callable[[], bool]
    ) -> None:
        self._lane, self._device_id, self._limits = lane, device_id, limits
        self._rng, self._stopped = rng, stopped
        self._doubt = Doubt(limits.losses, limits.doubt)

    def lost(self, unanswered: Position | None) -> None:
        """A connection is lost on which `unanswered` was sent first, None if anything was acknowledged."""
        self._doubt.lost(unanswered, time.monotonic())

    def patience(self) -> float:
        """Seconds to leave the hub alone at least."""
        return self._doubt.patience()

    def try_suspect(self, connection: HubConnection) -> None:
        """Try the record that is doubted, if there is one, and another to compare it with. Raises HubLost."""
        position = self._doubt.suspect(time.monotonic())
        ahead = self._records_ahead() if position else []
        if len(ahead) < 2 or ahead[0].position != position:
            return  # without a record behind it, it keeps none waiting
        suspect, *others = ahead
        trial = Trial(connection, self._device_id, self._limits.silence, self._stopped)
        verdict = trial.verdict(suspect, self._rng.choice(others))
        if verdict is Verdict.INNOCENT:
            self._lane.settle(suspect.position)
        elif verdict is Verdict.GUILTY:
            self._sentence(suspect)

    def _sentence(self, record: Record) -> None:
        number = record.position.number
        if self._doubt.convicts():
            reason = "the IoT Hub closes the connection whenever it gets this, and takes others"
            log.error("barcode set aside: number=%d uuid=%s reason=%s", number, record.uuid, reason)
            self._lane.set_aside(record, reason)
            self._lane.settle(record.position)
        raise HubLost(f"the IoT Hub took another record, and closed the connection at number {number}")

    def _records_ahead(self) -> list[Record]:
        try:
            items = self._lane.ahead(WINDOW).items
        except SpoolUnavailable:
            return []
        return [item for item in items if not isinstance(item, Unreadable)]
