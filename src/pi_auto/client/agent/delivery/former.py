"""Delivers the scans of a device that this SD card was before, in another machine: under its name, by its key.

Its spool was put away whole by capture, so none of its scans can go under the name of the device that the card is
now, and none twice. They go to the API alone, which is enough to be booked. A fleet that has shut that device out
keeps its scans waiting, and nobody else's.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.delivery.api import ApiDelivery
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.identity import Identity
from pi_auto.client.agent.enrolment.moving import FORMER, former_identities
from pi_auto.client.agent.enrolment.registration import store_registration, stored_registration
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.enrolment.system_info import system_info
from pi_auto.client.agent.enrolment.ways import Way, way_of
from pi_auto.client.agent.errors import ApiError, NotEnrolled, Unauthorized
from pi_auto.client.agent.network.home import Home
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.wakeups import Wakeups
from pi_auto.client.spool.destinations import API
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.retiring import retired
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import RegistrationAnswer

log = logging.getLogger("pi_auto.delivery.former")

_LOOK = 30.0  # seconds between looks whether capture has put a spool away
_LONGEST_PAUSE = 600.0


@dataclass(frozen=True, slots=True)
class Former:
    """One device, and the folder with the spool that is its own."""

    place: Path
    identity: Identity
    spool: Path


@dataclass(frozen=True, slots=True)
class FormerQueues:
    """A worker over the agent's `folder`. `own` is the identity that the card has now.

    Its own spool may have been put away as well, if the card was elsewhere meanwhile.
    """

    folder: Path
    capture: Path
    own: Identity
    card: FleetCard | None
    giver: str
    home: Home
    marks: Marks
    telling: Telling
    wakeups: Wakeups
    rng: Random

    def run(self) -> None:
        """Work until stopped; where the card was in no other machine, there is nothing to do."""
        pauses = Backoff(self.rng, first=5.0, longest=_LONGEST_PAUSE)
        while not self.wakeups.stopped and (self.folder / FORMER).exists():
            if self._deliver_all():
                pauses.reset()
                self.wakeups.sleep(_LOOK)
            else:
                self.wakeups.sleep(pauses.next())

    def _deliver_all(self) -> bool:
        """Whether nothing is left. Each queue is tried by itself: one that is stuck holds up no other."""
        try:
            formers = self._all()
        except (sqlite3.Error, OSError) as error:
            log.warning("scans of the device that this card was before cannot be looked for: %s", error)
            return False
        delivered = [self._try_to_deliver(former) for former in formers]
        return all(delivered)

    def _try_to_deliver(self, former: Former) -> bool:
        try:
            if left_in(former.spool, self.marks) > 0:
                self._deliver(former)
        except (ApiError, SpoolUnavailable, sqlite3.Error, OSError) as error:
            device_id = former.identity.device_id
            log.warning("scans of %s, which this card was before, cannot be delivered yet: %s", device_id, error)
            return False
        return True

    def _all(self) -> list[Former]:
        devices = {identity.serial: (place, identity) for place, identity in former_identities(self.folder)}
        devices[self.own.serial] = (self.folder, self.own)
        return [Former(*devices[machine], spool) for spool, machine in retired(self.capture) if machine in devices]

    def _deliver(self, former: Former) -> None:
        device_id = former.identity.device_id
        way = way_of(former.place, former.identity, self.card, self.giver)
        standing = Standing(
            stored_registration(former.place, self.giver, device_id),
            self.rng, _LONGEST_PAUSE, asked=_nothing, changed=_nothing,
        )  # fmt: skip
        lane = Lane(API, SpoolReader(former.spool), self.marks)
        with closing(ServerApi(self.home)) as api, closing(lane):
            delivery = ApiDelivery(device_id, lane, api, standing, self.wakeups, self.rng, self.telling)
            self._be_taken_in(way, api, standing, former)
            try:
                self._empty(delivery)
            except Unauthorized as error:
                log.warning("the token of %s is not good, so it registers again: %s", device_id, error)
                self._keep(self._asked(way, api), standing, former)
                self._empty(delivery)
        log.info("the scans of %s, which this card was before, are delivered", device_id)

    def _empty(self, delivery: ApiDelivery) -> None:
        while not self.wakeups.stopped and delivery.deliver_next():
            pass

    def _be_taken_in(self, way: Way, api: ServerApi, standing: Standing, former: Former) -> None:
        """Its token has run out by now, most likely: its key gets it another one."""
        kept = standing.given()
        given = self._renewed(way, api, kept) if kept else None
        self._keep(given or self._asked(way, api), standing, former)

    def _renewed(self, way: Way, api: ServerApi, kept: RegistrationAnswer) -> RegistrationAnswer | None:
        """The next token; nothing from a fleet that does not know it: its books were restored, and are older."""
        try:
            return way.renew(api, kept)
        except NotEnrolled as error:
            log.warning("the token of %s is not renewed, so it enrols again: %s", kept.device_id, error)
            return None

    def _asked(self, way: Way, api: ServerApi) -> RegistrationAnswer:
        return way.ask(api, system_info(self.home.endpoint().first_hop))

    def _keep(self, given: RegistrationAnswer, standing: Standing, former: Former) -> None:
        store_registration(former.place, self.giver, given)
        standing.replace(given, time.monotonic())


def left_in(spool: Path, marks: Marks) -> int:
    """How many records of a spool that was put away the API has still to get. Raises SpoolUnavailable."""
    with SpoolReader(spool) as reader:
        return reader.newest() - marks.through(API, reader.uuid())


def _nothing() -> None:
    """Nobody is to be told: this worker asks by itself."""
