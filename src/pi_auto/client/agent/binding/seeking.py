"""Finds a server of a fleet whose card this device has not yet, and has it prove that it is of that fleet.

The card is first a claim, fetched from whoever answers. Where it is the wanted one, the server must prove
itself by it, as to every device; and what is kept is what it says then, over the verified connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.errors import ApiError, Garbled, WrongDates
from pi_auto.client.agent.network import proving
from pi_auto.client.agent.network.candidates import Candidate
from pi_auto.client.agent.network.proving import Prover, endpoint_of
from pi_auto.client.agent.network.racing import Found, Race
from pi_auto.client.agent.network.sources import Sources
from pi_auto.client.agent.network.unproven import claimed_card
from pi_auto.client.agent.timekeeping.dateless import post_without_dates
from pi_auto.client.agent.timekeeping.fleet_clock import SignedTime, ask_time
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.proxy import Proxy
from pi_auto.wire.binding import commitment_of
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.server_address import FLEET, ServerAddress
from pi_auto.wire.times import format_time

log = logging.getLogger("pi_auto.registration")

CODE = "the code"
PATIENCE = 16.0  # seconds for a search


@dataclass(frozen=True, slots=True)
class Met:
    """A server that has proved the fleet of `card`, and how to talk to it from now on."""

    card: FleetCard
    address: ServerAddress
    endpoint: Endpoint


@dataclass(slots=True)
class Seeker:
    """One search for a server whose card is `wanted`. Afterwards it says whom else it has `met`."""

    wanted: Callable[[FleetCard], bool]
    proxy: Proxy | None = None
    met_stranger: bool = False
    met_wrong_dates: bool = False
    _proven: dict[ServerAddress, FleetCard] = field(default_factory=dict)

    def seek(self, fleet_id: str | None, known: Sequence[Candidate]) -> Met | list[str]:
        """The first server that proves itself, or why none did. Any fleet's is asked where `fleet_id` is None."""
        sources = Sources(fleet_id, probes=not known)
        found = Race(self._prove, PATIENCE).run(known, sources.now())
        if not isinstance(found, Found):
            return found
        address = found.candidate.address
        return Met(self._proven[address], address, found.endpoint)

    def _prove(self, address: ServerAddress) -> Endpoint:
        claimed = claimed_card(address, self.proxy)
        if not self.wanted(claimed):
            self.met_stranger = True
            raise Garbled("its fleet is not the one that is wanted")
        try:
            endpoint = self._prove_by_card(address, claimed)
            self._proven[address] = self._told(endpoint, claimed)
        except WrongDates:
            self.met_wrong_dates = True
            raise
        except ApiError:
            self.met_stranger = True
            raise
        return endpoint

    def _prove_by_card(self, address: ServerAddress, card: FleetCard) -> Endpoint:
        """Where dates alone are in the way this clock may be wrong: the fleet's signed time is held against them.

        Whoever has an old certificate of the fleet's and hands the question on gets the true time signed, by which
        it has run out. Of a chain in public only the last certificate can be looked at so: that needs a clock.
        """
        try:
            return Prover(card, self.proxy).prove(address)
        except WrongDates as error:
            if address.certificate != FLEET:
                raise
            said = self._signed_time(address, card, error)
            log.warning(
                "this clock disagrees with the fleet, which has signed that it is %s", format_time(said.said.time)
            )
            return Prover(card, self.proxy, as_of=said.now).prove(address)

    def _signed_time(self, address: ServerAddress, card: FleetCard, error: WrongDates) -> SignedTime:
        endpoint = endpoint_of(address, card).by(self.proxy)
        try:
            return ask_time(partial(post_without_dates, endpoint), card, endpoint.name)
        except ApiError as why:
            raise WrongDates(f"{error}, {why}") from None

    @staticmethod
    def _told(endpoint: Endpoint, claimed: FleetCard) -> FleetCard:
        """The card as the proven server tells it: only now its addresses and its updates' root count."""
        api = ServerApi(endpoint, patience=proving.PATIENCE)
        try:
            card = FleetCard.from_json(api.get("/api/fleet_card", {}))
        except FieldError as error:
            raise Garbled(f"what it shows is no fleet card: {error}") from None
        finally:
            api.close()
        if commitment_of(card) != commitment_of(claimed):
            raise Garbled("it shows another fleet's card than a moment before")
        return replace(card, batch_token=None)
