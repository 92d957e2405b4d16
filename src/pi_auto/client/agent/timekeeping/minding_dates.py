"""Proves servers as ever, and where only a certificate's dates are in the way, by the time that the fleet signs.

The server is believed if its certificate is good at that time (docs/decisions/0080). Of a chain in public only the
last certificate can be looked at so: such a server is believed once the clock is right, at a later search.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from pi_auto.client.agent.errors import ApiError, WrongDates
from pi_auto.client.agent.network.proving import Prover, endpoint_of
from pi_auto.client.agent.timekeeping.dateless import post_without_dates
from pi_auto.client.agent.timekeeping.fleet_clock import FleetClock
from pi_auto.client.endpoint import Endpoint
from pi_auto.wire.server_address import FLEET, ServerAddress

log = logging.getLogger("pi_auto.times")


@dataclass(frozen=True, slots=True)
class MindingDates(Prover):
    """A prover that helps a clock which is wrong."""

    clock: FleetClock = field(kw_only=True)

    def prove(self, address: ServerAddress) -> Endpoint:
        """How to talk to the server at `address` from now on. Raises ApiError with the reason why not."""
        try:
            endpoint = Prover.prove(self, address)
        except WrongDates as error:
            return self._prove_by_fleets_time(address, error)
        if address.certificate == FLEET:
            self.clock.reinstate_network()
        return endpoint

    def _prove_by_fleets_time(self, address: ServerAddress, error: WrongDates) -> Endpoint:
        """Whoever has a certificate that ran out, and hands the question on, gets the true time signed: it has."""
        endpoint = endpoint_of(address, self.card, self.public_ca).by(self.proxy)
        here = f"this clock says {_shown(datetime.now(UTC))}"
        try:
            moment = self.clock.ask_seldom(partial(post_without_dates, endpoint), endpoint.name)
        except ApiError as why:
            raise WrongDates(f"{here}, and {why}: {error}") from None
        told = f"{here}, and the fleet that it is {_shown(moment)}"
        if address.certificate != FLEET:
            raise WrongDates(f"{told}: {error}")
        try:
            endpoint = Prover(self.card, self.proxy, as_of=self.clock.now).prove(address)
        except WrongDates as still:
            raise WrongDates(f"{told}: {still}") from None
        self.clock.overrule_network()
        log.warning("%s, which its server is believed by; this clock has to be set right", told)
        return endpoint


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
