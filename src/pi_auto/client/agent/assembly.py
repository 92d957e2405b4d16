"""Puts the agent together: a worker for each destination, and for errands, the network and former queues."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random, SystemRandom

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.binding.bonding import Bonding
from pi_auto.client.agent.delivery.api import ApiDelivery
from pi_auto.client.agent.delivery.former import FormerQueues
from pi_auto.client.agent.delivery.hub import HubDelivery
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.moving import own_identity
from pi_auto.client.agent.enrolment.registration import stored_registration
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.enrolment.ways import way_of
from pi_auto.client.agent.errands.assembly import runner_of
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errands.runner import Runner
from pi_auto.client.agent.health.report import heartbeat
from pi_auto.client.agent.methods.assembly import methods_of
from pi_auto.client.agent.methods.bundling import Doctor
from pi_auto.client.agent.methods.diagnostics import Diagnostics
from pi_auto.client.agent.methods.log_level import LogLevel
from pi_auto.client.agent.network.home import Home
from pi_auto.client.agent.network.watching import Watching
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.timekeeping.timekeeper import Timekeeper
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.agent.wifi_proof import WifiProof, reach_home
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.clock import read_clock
from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import API, HUB
from pi_auto.client.spool.doorbell import IDENTIFY, SENT, WANTED, ring
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.whereabouts import card_of, giver
from pi_auto.wire.heartbeat import Heartbeat

log = logging.getLogger("pi_auto.agent")

ERRANDS, NETWORK, FORMER = "errands", "network", "former"
_LONG = 180.0  # seconds for a call that sends megabytes


class Assembly:
    """What the workers of one agent share. Raises OSError or NoIdentity if its state folder cannot be used.

    `doctor` is the command that examines a device with these settings; `stop` ends the agent.
    """

    def __init__(self, settings: Settings, doctor: Sequence[str], stop: Callable[[], None]) -> None:
        folder, capture = settings.agent_folder, settings.capture_folder
        self._settings, self._folder, self._stop = settings, folder, stop
        self.identity = own_identity(folder, settings.device_id)
        self._wakeups = {name: Wakeups() for name in (ERRANDS, NETWORK, API, HUB, FORMER)}
        self._marks = Marks(folder / "marks.sqlite")
        self._times = Timekeeper(folder, read_clock)
        bulletin = Bulletin(folder)
        self._telling = Telling(bulletin, lambda: ring(capture / WANTED), lambda: ring(capture / IDENTIFY))
        self._log_level = LogLevel(logging.getLogger())
        self._card = card = card_of(settings)
        # A server that the settings name is no fleet: a code may still bind the device to one.
        self._bonding = None if card else Bonding(folder, lambda: settings, stop)
        self._home = Home(doubted=self._ask_errands) if card else Home(settings.endpoint())
        self.wifi = WifiProof(bulletin, lambda interface: reach_home(self._home, interface))
        self._rng = SystemRandom()
        self._given_by = giver(settings, card)
        self._standing = self._stood(self._rng)
        self._diagnostics = Diagnostics(
            folder, Doctor(doctor), ServerApi(self._home, _LONG), lambda: _token(self._standing), self._rng
        )

    def workers(self) -> Mapping[str, Callable[[], None]]:
        """What each of them does until it is woken to stop."""
        api, runner = ServerApi(self._home), self._errands()
        return {
            ERRANDS: runner.run,
            FORMER: self._former().run,
            NETWORK: Watching(self._wakeups[NETWORK], lambda: self._network_changed(runner, api)).run,
            API: self._to_api(api).run,
            HUB: self._to_hub().run,
        }

    def wake(self, reason: Reason, *workers: str) -> None:
        """Wake these workers, or without names all of them."""
        for worker in workers or self._wakeups:
            self._wakeups[worker].wake(reason)

    def close(self, deadline: float, *, ended: bool) -> None:
        """Close what the workers used, by `deadline` of time.monotonic; some of it only if they have `ended`."""
        self._diagnostics.close(max(0.0, deadline - time.monotonic()))
        if self._bonding:
            self._bonding.close()
        self._times.close()
        self._telling.close()
        if ended:
            self._marks.close()
            for wakeups in self._wakeups.values():
                wakeups.close()

    def _errands(self) -> Runner:
        settings, card, home = self._settings, self._card, self._home
        office = Office(
            settings, self._folder, self._given_by, home, ServerApi(home),
            way_of(self._folder, self.identity, card, self._given_by), self._standing, self._telling, self._rng,
        )  # fmt: skip
        return runner_of(office, card, self._times, self._wakeups[ERRANDS], self._tell_deliveries)

    def _former(self) -> FormerQueues:
        return FormerQueues(
            self._folder, self._settings.capture_folder, self.identity, self._card, self._given_by, self._home,
            self._marks, self._telling, self._wakeups[FORMER], self._rng,
        )  # fmt: skip

    def _to_api(self, api: ServerApi) -> ApiDelivery:
        spool = self._settings.capture_folder
        return ApiDelivery(
            self.identity.device_id, self._lane(API, self._reader()), api, self._standing, self._wakeups[API],
            self._rng, self._telling, lambda: ring(spool / SENT),
        )  # fmt: skip

    def _to_hub(self) -> HubDelivery:
        reader, card = self._reader(), self._card
        methods = methods_of(
            self._settings, self._telling, self._diagnostics, self._log_level, self._stop,
            lambda: self.wake(Reason.UPDATE, ERRANDS),
        )  # fmt: skip
        return HubDelivery(
            self._settings, self.identity.device_id, self._lane(HUB, reader), self._standing, self._wakeups[HUB],
            self._rng, lambda: self._heartbeat(reader), self._telling,
            methods=methods, log_level=self._log_level.usual, fleet_ca=card.ca if card else None,
        )  # fmt: skip

    def _reader(self) -> SpoolReader:
        return SpoolReader(self._settings.capture_folder, self.identity.serial)

    def _lane(self, name: str, reader: SpoolReader) -> Lane:
        return Lane(name, reader, self._marks, self._times)

    def _heartbeat(self, reader: SpoolReader) -> Heartbeat:
        toward = self._home.first_hop()
        self._times.look()
        return heartbeat(toward, reader, self._marks, self._settings.capture_folder, self._times.this_boot())

    def _stood(self, rng: Random) -> Standing:
        try:
            kept = stored_registration(self._folder, self._given_by, self.identity.device_id)
        except OSError as error:  # a bad block; what was given can be asked for again
            log.warning("what the server gave cannot be read, and is asked for again: %s", error)
            kept = None
        return Standing(
            kept,
            rng,
            float(self._settings.registration_retry_interval),
            asked=self._ask_errands,
            changed=self._tell_deliveries,
        )

    def _ask_errands(self) -> None:
        self.wake(Reason.STANDING, ERRANDS)

    def _tell_deliveries(self) -> None:
        self.wake(Reason.STANDING, API, HUB)

    def _network_changed(self, runner: Runner, api: ServerApi) -> None:
        """First wake, then cut: who is cut off looks at once whether to try again."""
        self.wake(Reason.NETWORK, API, HUB)
        runner.network_changed()
        api.network_changed()


def _token(standing: Standing) -> str | None:
    given = standing.given()
    return given.api_token if given else None
