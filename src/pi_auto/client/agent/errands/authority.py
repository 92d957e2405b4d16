"""Which authorities of the fleet this device has looked at, and what came of it: they belong to no roll-out."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

from pi_auto.client.agent.update.job import FAILED, READY, REFUSED, USELESS, VERIFIED, News
from pi_auto.client.agent.update.ledger import Ledger
from pi_auto.version import __version__
from pi_auto.wire import update as steps
from pi_auto.wire.fleet_card import FleetCard


class Authorities:
    """They are told by the sum of what was signed, and remembered together with the card that it would replace."""

    def __init__(self, ledger: Ledger, card: FleetCard | None) -> None:
        self._ledger = ledger
        self._card = json.dumps(card.to_json() if card else None, sort_keys=True)

    def is_new(self, signed: str) -> bool:
        """Whether it was not looked at yet."""
        return not self._ledger.is_done(self._mark(signed), signed)

    def note(self, signed: str, last: News) -> None:
        """Remember what came of it, and tell the fleet what it must know."""
        is_settled = last.step == VERIFIED or last.kind == USELESS
        with suppress(OSError):  # a full disk: it is looked at once more
            if last.step == READY or is_settled:
                self._ledger.note_authority(self._mark(signed), settled=is_settled)
            if is_settled or last.kind == REFUSED:
                step = steps.REFUSED if last.step == FAILED else steps.COMMITTED
                self._ledger.say(step, signed, __version__, last.reason, once=True)

    def _mark(self, signed: str) -> str:
        return hashlib.sha256(f"{signed} {self._card}".encode()).hexdigest()
