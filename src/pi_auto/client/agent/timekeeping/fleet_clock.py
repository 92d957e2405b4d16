"""What time it is by the fleet's word: asks for it, believes nothing but the fleet's signature, and hands it on.

To whoever dates scans, and in a file to root's helper, which checks it by itself and raises the
clock: the agent has no right to set it. Each question has a nonce of its own, so that no answer of
another time serves.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pi_auto.client.agent.errors import Garbled
from pi_auto.client.agent.timekeeping.timekeeper import Timekeeper
from pi_auto.client.clock import boottime_ns
from pi_auto.client.clockfloor.proven import NotProven, check, claimed_in
from pi_auto.client.clockfloor.raising import PROOF_FILE
from pi_auto.files import write_whole
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.fleet_proof import FleetProof, ProofRequest
from pi_auto.wire.signed import Signed

log = logging.getLogger("pi_auto.times")

Post = Callable[[dict[str, Any]], Any]
_LONGEST = 60_000_000_000  # nanoseconds from question to answer: a later one says too little
_ENOUGH = 60.0  # seconds for which one answer does, where a search meets several addresses with wrong dates


@dataclass(frozen=True, slots=True)
class SignedTime:
    """What the fleet has `said`, as it was `signed`; asked and answered at these times since the boot."""

    signed: Signed
    said: FleetProof
    asked_ns: int
    answered_ns: int


class FleetClock:
    """Of the fleet of `card`; the proof goes into `folder`. For all threads."""

    def __init__(self, card: FleetCard, folder: Path, times: Timekeeper) -> None:
        self.card = card
        self._folder, self._times = folder, times
        self._lock = threading.Lock()
        self._last: tuple[float, datetime] | None = None

    def ask(self, post: Post, name: str) -> datetime:
        """The time that the fleet signs now. `post` carries the question to a server whose `name` was verified.

        Raises ApiError: Garbled if the answer does not prove it.
        """
        answer = ask_time(post, self.card, name)
        self._take(answer)
        return answer.said.time

    def ask_seldom(self, post: Post, name: str) -> datetime:
        """The same, or what was answered within the last minute."""
        with self._lock:
            if not self._last or time.monotonic() - self._last[0] > _ENOUGH:
                moment = self.ask(post, name)
                self._last = time.monotonic(), moment
            return self._last[1]

    def _take(self, answer: SignedTime) -> None:
        self._times.told(answer.said.time, answer.asked_ns, answer.answered_ns)
        try:
            write_whole(self._folder / PROOF_FILE, json.dumps(answer.signed.to_json()), mode=0o644)
        except OSError as error:
            log.warning("the time that the fleet has signed cannot be handed over: %s", error)


def ask_time(post: Post, card: FleetCard, name: str) -> SignedTime:
    """What time the fleet of `card` signs now; nothing is done with it. As `FleetClock.ask`."""
    nonce = secrets.token_urlsafe(32)
    asked = boottime_ns()
    content = post(ProofRequest(nonce).to_json())
    answer = _believed(content, asked, boottime_ns(), card)
    if why := answer.said.proves(card.fleet_id, nonce, name):
        raise Garbled(f"its time is not believed: {why}")
    return answer


def _believed(content: object, asked: int, answered: int, card: FleetCard) -> SignedTime:
    if answered - asked > _LONGEST:
        raise Garbled("the answer about the time took longer than a minute")
    try:
        signed, said = claimed_in(content)
        check(signed, said, card)
    except NotProven as error:
        raise Garbled(f"its time is not believed: {error}") from None
    return SignedTime(signed, said, asked, answered)
