"""Asks several addresses at once, the likelier ones a little earlier; the first that proves itself is taken.

An address that swallows what is sent to it would otherwise cost its whole patience before
the next is asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.network.candidates import Candidate
from pi_auto.client.agent.network.proving import reason_of
from pi_auto.client.endpoint import Endpoint
from pi_auto.wire.server_address import ServerAddress

HEAD_START = 0.25  # seconds; RFC 8305 has the same between two addresses
Prove = Callable[[ServerAddress], Endpoint]


@dataclass(frozen=True, slots=True)
class Found:
    """The candidate that has proven itself, and how to talk to it."""

    candidate: Candidate
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class _Failed:
    candidate: Candidate
    reason: str


def first_proven(
    candidates: Sequence[Candidate], prove: Prove, patience: float, head_start: float = HEAD_START
) -> Found | list[str]:
    """The first candidate that proves itself within `patience` seconds, or why each of them did not.

    Those that are slower go on by themselves, and are not heard.
    """
    answers: SimpleQueue[Found | _Failed] = SimpleQueue()
    until, reasons = time.monotonic() + patience, {each: f"{each}: no answer in time" for each in candidates}
    waiting = list(candidates)
    asked = 0
    while waiting or asked:
        if waiting:
            _ask(waiting.pop(0), prove, answers)
            asked += 1
        answer = _next(answers, min(until, time.monotonic() + head_start) if waiting else until)
        if isinstance(answer, Found):
            return answer
        if answer is not None:
            asked -= 1
            reasons[answer.candidate] = answer.reason
        elif not waiting:
            break
    return list(reasons.values())


def _ask(candidate: Candidate, prove: Prove, answers: SimpleQueue[Found | _Failed]) -> None:
    def work() -> None:
        try:
            answers.put(Found(candidate, prove(candidate.address)))
        except (ApiError, OSError) as error:
            reason = reason_of(error) if isinstance(error, ApiError) else str(error)
            answers.put(_Failed(candidate, f"{candidate}: {reason}"))

    threading.Thread(target=work, name=f"ask {candidate.address}", daemon=True).start()


def _next(answers: SimpleQueue[Found | _Failed], until: float) -> Found | _Failed | None:
    try:
        return answers.get(timeout=max(0.0, until - time.monotonic()))
    except Empty:
        return None
