"""Searches for the fleet's server when nobody knows where it is, nobody answers there, or the network changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.network.candidates import in_order
from pi_auto.client.agent.network.keeping import keep_address, kept_address
from pi_auto.client.agent.network.proving import Prover
from pi_auto.client.agent.network.racing import Found, Race
from pi_auto.client.agent.network.sources import Sources
from pi_auto.client.agent.telling import SEARCH
from pi_auto.wire.server_address import ServerAddress

log = logging.getLogger("pi_auto.network")

_NEVER = float("inf")
_PATIENCE = 14.0  # seconds for a search: the longest, a probe of several networks, takes as many
LONGEST = 30.0  # seconds between two searches: a network may be back at any moment
_AT_LEAST = 5.0  # seconds from one that found it to the next: it answers to be proven, and to nothing else


class Finding:
    """An errand: settles `home` wherever the fleet proves to be, and calls `moved` if that is another place.

    Times are time.monotonic, seconds.
    """

    def __init__(
        self, office: Office, prover: Prover, setting: Sequence[ServerAddress], moved: Callable[[], None]
    ) -> None:
        self._home, self._folder, self._telling = office.home, office.folder, office.telling
        self._prover, self._setting, self._moved = prover, tuple(setting), moved
        self._sources = Sources(prover.card.fleet_id, probes=not (prover.card.servers or setting))
        self._pauses = Backoff(office.rng, longest=LONGEST)
        self._not_before = 0.0
        self._race = Race(prover.prove, _PATIENCE)

    def due(self) -> float:
        """When to search next; never while it is not sought."""
        return self._not_before if self._home.sought else _NEVER

    def network_changed(self) -> None:
        """Search at once: what has failed says nothing any more. Any thread may call it."""
        self._home.question()
        self._sources.network_changed()
        self._pauses.reset()
        self._not_before = 0.0
        self._race.call_off()

    def run(self) -> None:
        """Ask all candidates."""
        self._race = race = Race(self._prover.prove, _PATIENCE)
        known = in_order(kept_address(self._folder), self._setting, self._prover.card.servers)
        found = race.run(known, self._sources.now())
        if isinstance(found, Found):
            self._settle(found)
        elif not race.called_off:
            self._not_before = time.monotonic() + self._pauses.next()
            self._tell(found)

    def _settle(self, found: Found) -> None:
        self._pauses.reset()
        self._not_before = time.monotonic() + _AT_LEAST
        self._telling.reached(SEARCH)
        keep_address(self._folder, found.candidate.address)
        log.info("the fleet's server is at %s", found.candidate)
        if self._home.settle(found.endpoint):
            self._moved()

    def _tell(self, reasons: list[str]) -> None:
        why = "; ".join(reasons) or "neither card, settings, mDNS nor DNS name an address"
        log.warning("the fleet's server is not found: %s", why)
        self._telling.failed(SEARCH, f"the fleet's server is not found: {why}")
