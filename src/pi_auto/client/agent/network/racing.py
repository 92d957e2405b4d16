"""Asks several addresses at once, the likelier ones a little earlier; the first that proves itself is taken.

An address that swallows what is sent to it would otherwise cost its whole patience before
the next is asked. Whoever looks for more addresses does so meanwhile, and names them as they come.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.network.candidates import Candidate, Turns
from pi_auto.client.agent.network.proving import reason_of
from pi_auto.client.endpoint import Endpoint
from pi_auto.wire.server_address import ServerAddress

log = logging.getLogger("pi_auto.network")

HEAD_START = 0.25  # seconds; RFC 8305 has the same between two addresses
AT_ONCE = 8  # addresses that are asked at the same time
Prove = Callable[[ServerAddress], Endpoint]


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody who may know more addresses: `look` yields them, and stops when the event is set."""

    name: str
    look: Callable[[threading.Event], Iterator[ServerAddress]]


@dataclass(frozen=True, slots=True)
class Found:
    """The candidate that has proven itself, and how to talk to it."""

    candidate: Candidate
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class _Failed:
    candidate: Candidate
    reason: str


class _SourceEnds:
    """A source knows no more."""


class _Off:
    """The race is called off."""


class Race:
    """One search. `prove` raises ApiError or OSError for an address that is no use."""

    def __init__(self, prove: Prove, patience: float, head_start: float = HEAD_START) -> None:
        self._prove, self._head_start = prove, head_start
        self._until = time.monotonic() + patience
        self._events: SimpleQueue[Found | _Failed | Candidate | _SourceEnds | _Off] = SimpleQueue()
        self._over = threading.Event()
        self._reasons: dict[Candidate, str] = {}
        self._asked = self._looking = 0
        self.called_off = False

    def call_off(self) -> None:
        """End it now, since the network is another one. Any thread may."""
        self.called_off = True
        self._events.put(_Off())

    def run(self, known: Sequence[Candidate], sources: Sequence[Source] = ()) -> Found | list[str]:
        """The first candidate that proves itself in time, or why each of them did not.

        Those that are slower go on by themselves, and are not heard.
        """
        for source in sources:
            self._start(f"look by {source.name}", self._look, source)
        self._looking = len(sources)
        try:
            return self._run(Turns(known))
        finally:
            self._over.set()

    def _run(self, turns: Turns) -> Found | list[str]:
        while turns.waiting or self._asked or self._looking:
            if turns.waiting and self._asked < AT_ONCE:
                self._ask(turns.next())
            event = self._next(turns.waiting and self._asked < AT_ONCE)
            if isinstance(event, Found):
                return event
            if isinstance(event, _Off) or time.monotonic() > self._until:
                break
            self._take(event, turns)
        return list(self._reasons.values())

    def _take(self, event: _Failed | Candidate | _SourceEnds | None, turns: Turns) -> None:
        if isinstance(event, Candidate):
            turns.add(event)
        elif isinstance(event, _Failed):
            self._asked -= 1
            self._reasons[event.candidate] = f"{event.candidate}: {event.reason}"
        elif event is not None:
            self._looking -= 1

    def _next(self, more: bool) -> Found | _Failed | Candidate | _SourceEnds | _Off | None:
        until = min(self._until, time.monotonic() + self._head_start) if more else self._until
        try:
            return self._events.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            return None

    def _ask(self, candidate: Candidate) -> None:
        self._asked += 1
        self._reasons[candidate] = f"{candidate}: no answer in time"
        self._start(f"ask {candidate.address}", self._prove_one, candidate)

    def _prove_one(self, candidate: Candidate) -> None:
        try:
            self._events.put(Found(candidate, self._prove(candidate.address)))
        except (ApiError, OSError) as error:
            self._events.put(_Failed(candidate, reason_of(error)))

    def _look(self, source: Source) -> None:
        try:
            for address in source.look(self._over):
                self._events.put(Candidate(address, source.name))
        except OSError as error:
            log.debug("looking by %s: %s", source.name, error)
        finally:
            self._events.put(_SourceEnds())

    def _start(self, name: str, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, name=name, daemon=True).start()
