"""Puts the agent together: a worker for each destination, one for errands, one for the network, and a bell.

A worker that dies of anything it does not expect ends the whole agent, whose supervisor
starts it again from what is on disk: nothing lives in memory alone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
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
from pi_auto.client.agent.methods.bundling import Doctor
from pi_auto.client.agent.methods.check_update import check_update
from pi_auto.client.agent.methods.diagnostics import Diagnostics
from pi_auto.client.agent.methods.dispatch import Methods
from pi_auto.client.agent.methods.identify import identify
from pi_auto.client.agent.methods.log_level import LogLevel
from pi_auto.client.agent.methods.reboot import Reboot, runtime_folder
from pi_auto.client.agent.methods.restart import restart
from pi_auto.client.agent.network.home import Home
from pi_auto.client.agent.network.watching import Watching
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.timekeeping.timekeeper import Timekeeper
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.agent.wifi_proof import WifiProof, reach_home
from pi_auto.client.alone import hold_alone
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.clock import read_clock
from pi_auto.client.notify import Manager
from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import API, HUB
from pi_auto.client.spool.doorbell import IDENTIFY, SENT, UPDATE, WANTED, Bell, ring
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.whereabouts import card_of, giver
from pi_auto.wire import methods
from pi_auto.wire.heartbeat import Heartbeat

log = logging.getLogger("pi_auto.agent")

ERRANDS, NETWORK, FORMER = "errands", "network", "former"
_LISTEN = 1.0  # seconds; the order to stop rings the bell as well, but a ring can be lost
_LONG = 180.0  # seconds for a call that sends megabytes
_FAREWELL = 3.0  # seconds for all workers together: the agent has to stop within five


class Agent:
    """The agent over the state folder in `settings`. Raises OSError or NoIdentity if that cannot be used.

    `doctor` is the command that examines a device with these settings; it is told where its bundle goes.
    """

    def __init__(self, settings: Settings, doctor: Sequence[str] = ()) -> None:
        folder = settings.agent_folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._settings = settings
        self._doctor = doctor
        self._alone = _hold_alone(folder)
        self.identity = own_identity(folder, settings.device_id)
        self._wakeups = {name: Wakeups() for name in (ERRANDS, NETWORK, API, HUB, FORMER)}
        self._wake_path = folder / "wake.sock"
        self._bell = Bell(self._wake_path)
        self._marks = Marks(folder / "marks.sqlite")
        self._times = Timekeeper(folder, read_clock)
        capture = settings.capture_folder
        bulletin = Bulletin(folder)
        self._telling = Telling(bulletin, lambda: ring(capture / WANTED), lambda: ring(capture / IDENTIFY))
        self._wifi = WifiProof(bulletin, lambda interface: reach_home(self._home, interface))
        self._log_level = LogLevel(logging.getLogger())
        self._stopping = (
            False  # no Event: a signal handler that sets one may find its lock held by what it interrupts
        )
        self._failed = False
        self._threads = [
            threading.Thread(target=self._guard, args=(work,), name=name, daemon=True)
            for name, work in self._workers(folder).items()
        ]

    def run(self) -> bool:
        """Work until `stop`; False if a worker has died."""
        for thread in self._threads:
            thread.start()
        manager = Manager()
        manager.ready()
        while not self._stopping:
            manager.alive()
            if self._bell.wait(_LISTEN):
                self._wake(Reason.RECORD, API, HUB)
                self._wifi.look()
                if self._bell.heard(UPDATE):
                    self._wake(Reason.UPDATE, ERRANDS)
        self._wake(Reason.STOP, *self._wakeups)
        self._close()
        return not self._failed

    def stop(self) -> None:
        """End `run` soon. May be called from a signal handler."""
        self._stopping = True
        ring(self._wake_path)

    def _workers(self, folder: Path) -> dict[str, Callable[[], None]]:
        settings, identity, rng = self._settings, self.identity, SystemRandom()
        card = card_of(settings)
        # A server that the settings name is no fleet: a code may still bind the device to one.
        self._bonding = None if card else Bonding(folder, lambda: settings, self.stop)
        self._home = home = Home(doubted=self._ask_errands) if card else Home(settings.endpoint())
        given_by = giver(settings, card)
        standing = self._standing(folder, given_by, rng)
        office = Office(
            settings, folder, given_by, home, ServerApi(home), way_of(folder, identity, card, given_by),
            standing, self._telling, rng,
        )  # fmt: skip
        self._diagnostics = Diagnostics(
            folder, Doctor(self._doctor), ServerApi(home, _LONG), lambda: _token(standing), rng
        )
        spool, api = settings.capture_folder, ServerApi(home)
        runner = runner_of(office, card, self._times, self._wakeups[ERRANDS], self._tell_deliveries)
        reader = SpoolReader(spool, identity.serial)
        return {
            ERRANDS: runner.run,
            FORMER: FormerQueues(
                folder, spool, identity, card, given_by, home, self._marks, self._telling,
                self._wakeups[FORMER], rng,
            ).run,
            NETWORK: Watching(self._wakeups[NETWORK], lambda: self._network_changed(runner, api)).run,
            API: ApiDelivery(
                identity.device_id, Lane(API, SpoolReader(spool, identity.serial), self._marks, self._times), api,
                standing, self._wakeups[API], rng, self._telling, lambda: ring(spool / SENT),
            ).run,
            HUB: HubDelivery(
                settings, identity.device_id, Lane(HUB, reader, self._marks, self._times),
                standing, self._wakeups[HUB], rng,
                lambda: self._heartbeat(home.first_hop(), reader), self._telling,
                methods=self._methods(folder), log_level=self._log_level.usual,
                fleet_ca=card.ca if card else None,
            ).run,
        }  # fmt: skip

    def _heartbeat(self, toward: tuple[str, int], reader: SpoolReader) -> Heartbeat:
        self._times.look()
        return heartbeat(toward, reader, self._marks, self._settings.capture_folder, self._times.this_boot())

    def _methods(self, folder: Path) -> Methods:
        return Methods(
            {
                methods.RESTART: restart(self.stop),
                methods.REBOOT: Reboot(folder, runtime_folder(), read_clock).method,
                methods.IDENTIFY: identify(self._settings.capture_folder, self._telling),
                methods.CHECK_UPDATE: check_update(lambda: self._wake(Reason.UPDATE, ERRANDS)),
                methods.DIAGNOSTICS: self._diagnostics.method,
                methods.SET_LOG_LEVEL: self._log_level.method,
            }
        )

    def _standing(self, folder: Path, given_by: str, rng: Random) -> Standing:
        try:
            kept = stored_registration(folder, given_by, self.identity.device_id)
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
        self._wake(Reason.STANDING, ERRANDS)

    def _tell_deliveries(self) -> None:
        self._wake(Reason.STANDING, API, HUB)

    def _network_changed(self, runner: Runner, api: ServerApi) -> None:
        """First wake, then cut: who is cut off looks at once whether to try again."""
        self._wake(Reason.NETWORK, API, HUB)
        runner.network_changed()
        api.network_changed()

    def _wake(self, reason: Reason, *workers: str) -> None:
        for worker in workers:
            self._wakeups[worker].wake(reason)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("a worker died; the agent ends and is started anew")
            self._failed = True
            self.stop()

    def _close(self) -> None:
        """Wait for the workers, close what they used; one that hangs in a call is left to the process's end."""
        deadline = time.monotonic() + _FAREWELL
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._diagnostics.close(max(0.0, deadline - time.monotonic()))
        if self._bonding:
            self._bonding.close()
        self._times.close()
        self._telling.close()
        self._bell.close()
        if not any(thread.is_alive() for thread in self._threads):
            self._marks.close()
            os.close(self._alone)
            for wakeups in self._wakeups.values():
                wakeups.close()


def _token(standing: Standing) -> str | None:
    given = standing.given()
    return given.api_token if given else None


def _hold_alone(folder: Path) -> int:
    try:
        return hold_alone(folder / "agent.lock")
    except BlockingIOError:
        raise BlockingIOError(
            f"another agent works on {folder}; give each one a state folder of its own"
        ) from None
