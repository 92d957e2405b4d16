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
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
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
_ENOUGH = 60_000_000_000  # nanoseconds for which one answer does: a search may meet several such servers


@dataclass(frozen=True, slots=True)
class SignedTime:
    """What the fleet has `said`, as it was `signed`; asked and answered at these times since the boot."""

    signed: Signed
    said: FleetProof
    asked_ns: int
    answered_ns: int

    def now(self) -> datetime:
        """What time it is by that now, at the latest: for whom a certificate must not have run out."""
        return self.said.time + timedelta(microseconds=(boottime_ns() - self.asked_ns) // 1000)


class FleetClock:
    """Of the fleet of `card`; proofs go into `folder`. `floor` tells what time it is at least. For all threads."""

    def __init__(self, card: FleetCard, folder: Path, times: Timekeeper, floor: Callable[[], datetime]) -> None:
        self.card = card
        self._folder, self._times, self._floor = folder, times, floor
        self._lock = threading.Lock()
        self._last: SignedTime | None = None

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
            last = self._last
            if last is None or boottime_ns() - last.answered_ns > _ENOUGH:
                return self.ask(post, name)
            return last.said.time

    def now(self) -> datetime:
        """What time it is by the fleet's latest word, and never before the floor; the floor, if nothing was asked.

        A server whose own clock was set back cannot bring a certificate back that had run out before the floor.
        """
        last = self._last
        return max(last.now(), self._floor()) if last else self._floor()

    def overrule_network(self) -> None:
        """The dates of the fleet's certificate have proven this clock wrong: the fleet's word dates scans."""
        if last := self._last:
            self._times.told(last.said.time, last.asked_ns, last.answered_ns, overrules=True)

    def reinstate_network(self) -> None:
        """They have proven it right."""
        self._times.reinstate_network()

    def _take(self, answer: SignedTime) -> None:
        self._last = answer
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
