"""Puts the errands of one agent together; with a fleet card two more, to find the server and the time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pi_auto.client.agent.errands.finding import Finding
from pi_auto.client.agent.errands.hub_search import HubSearch
from pi_auto.client.agent.errands.means import Means
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errands.registering import Registering
from pi_auto.client.agent.errands.renewing import Renewing
from pi_auto.client.agent.errands.reporting import Reporting
from pi_auto.client.agent.errands.runner import Errand, Runner
from pi_auto.client.agent.errands.timing import Timing
from pi_auto.client.agent.errands.updating import Updating
from pi_auto.client.agent.methods.reboot import runtime_folder
from pi_auto.client.agent.timekeeping.fleet_clock import FleetClock
from pi_auto.client.agent.timekeeping.minding_dates import MindingDates
from pi_auto.client.agent.timekeeping.timekeeper import Timekeeper
from pi_auto.client.agent.update.ledger import Ledger
from pi_auto.client.agent.update.trust import update_root
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.clockfloor.floor import least_time
from pi_auto.client.whereabouts import addresses_set
from pi_auto.wire.fleet_card import FleetCard


def runner_of(
    office: Office, card: FleetCard | None, times: Timekeeper, wakeups: Wakeups, moved: Callable[[], None]
) -> Runner:
    """The worker that runs them; `moved` is called when the server was found at another place."""
    ledger = Ledger(office.settings.state)
    means = Means(ledger, update_root(card), card, runtime_folder(), lambda: wakeups.wake(Reason.STANDING))
    updating, registering = Updating(office, means), Registering(office)
    errands: list[Errand] = [registering, Renewing(office), HubSearch(office), Reporting(office, ledger)]
    if not card:
        return Runner(errands, updating, office.api, wakeups, [registering.network_changed])
    floor = partial(least_time, office.settings.state / "clock", card.fleet_id)
    clock = FleetClock(card, office.folder, times, floor)
    prover = MindingDates(card, office.settings.proxy, clock=clock)
    finding = Finding(office, prover, addresses_set(office.settings), moved)
    errands = [finding, Timing(office, clock), *errands]
    told = [finding.network_changed, registering.network_changed]
    return Runner(errands, updating, office.api, wakeups, told)
