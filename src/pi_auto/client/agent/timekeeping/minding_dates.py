"""Proves servers as ever, and where only a certificate's dates are in the way, asks for the time.

The server is not believed for that: it is once root's helper has raised the clock, at the next search.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from pi_auto.client.agent.errors import ApiError, WrongDates
from pi_auto.client.agent.network.proving import Prover, endpoint_of
from pi_auto.client.agent.timekeeping.dateless import post_without_dates
from pi_auto.client.agent.timekeeping.fleet_clock import FleetClock
from pi_auto.client.endpoint import Endpoint
from pi_auto.wire.server_address import ServerAddress


@dataclass(frozen=True, slots=True)
class MindingDates(Prover):
    """A prover that helps a clock which is wrong."""

    clock: FleetClock = field(kw_only=True)

    def prove(self, address: ServerAddress) -> Endpoint:
        """How to talk to the server at `address` from now on. Raises ApiError with the reason why not."""
        try:
            return Prover.prove(self, address)
        except WrongDates as error:
            endpoint = endpoint_of(address, self.card, self.public_ca).by(self.proxy)
            raise WrongDates(f"{self._told(endpoint)}: {error}") from None

    def _told(self, endpoint: Endpoint) -> str:
        here = f"this clock says {_shown(datetime.now(UTC))}"
        try:
            moment = self.clock.ask_seldom(partial(post_without_dates, endpoint), endpoint.name)
        except ApiError as error:
            return f"{here}, and {error}"
        return f"{here}, and the fleet that it is {_shown(moment)}"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
