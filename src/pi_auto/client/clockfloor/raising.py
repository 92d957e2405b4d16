"""Raises the floor by what the agent has handed over, and the clock to the floor. Never lowers either.

The agent's folder is read and nothing in it is believed without the fleet's signature: an old proof
raises nothing, and a proof from the future only the fleet itself could make.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pi_auto.client.binding import keeping
from pi_auto.client.binding.places import BOUND
from pi_auto.client.clockfloor import proven
from pi_auto.client.clockfloor.floor import FOLDER, Floor, built, keep_floor, kept_floor
from pi_auto.client.clockfloor.proven import MOST_PROOF, NotProven
from pi_auto.client.planted import Unsafe, read_own, read_planted
from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard

log = logging.getLogger("pi_auto.clock")

PROOF_FILE = "time-proof.json"  # in the agent's folder
SLACK = timedelta(seconds=1)  # by so much the clock may be behind the floor: handing over takes a moment
# A clock that the network sets is left to it up to here, or the two would set it to and fro: hubs take as much.
SLACK_SYNCED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie below `root`. `owner` is who alone may write what is believed: root."""

    root: Path = Path("/")
    owner: int = 0

    @property
    def card(self) -> Path:
        """The fleet card's public part."""
        return self.root / "etc/pi_auto_fleet.json"

    @property
    def pinned(self) -> Path:
        """That of a device which nobody has installed one on, as it was when root first saw it."""
        return self.folder / "fleet.json"

    @property
    def folder(self) -> Path:
        """Where the floor is kept."""
        return self.root / FOLDER

    @property
    def agent(self) -> Path:
        """The agent's folder."""
        return self.root / "var/lib/pi-auto-client/agent"


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall clock, whether the network looks after it, and how to set it."""

    now: Callable[[], datetime]
    synced: Callable[[], bool]
    set: Callable[[datetime], None]


def raise_clock(places: Places, clock: Clock) -> datetime:
    """The floor that holds from now on. Raises OSError where the clock cannot be set."""
    floor = floor_of(places)
    now = clock.now()
    if wanted := target(now, floor, synced=clock.synced()):
        clock.set(wanted)
        log.warning("the clock said %s, which cannot be: it was raised to %s", _told(now), _told(wanted))
    return floor


def target(now: datetime, floor: datetime, *, synced: bool) -> datetime | None:
    """What to set the clock to, if it has to be."""
    return floor if now + (SLACK_SYNCED if synced else SLACK) < floor else None


def floor_of(places: Places) -> datetime:
    """The floor, raised by what the agent offers, and kept. What is wrong is told in the log."""
    try:
        card = card_in(places)
    except (Unsafe, FieldError, OSError) as error:
        log.warning("%s cannot be believed, so only this release's build counts: %s", places.card, error)
        card = None
    if card is None:
        return built()
    kept = _kept(places, card)
    offered = _offered(places, card, kept)
    if offered is None:
        return max(built(), kept.time) if kept else built()
    _keep(places, offered)
    return max(built(), offered.time)


def card_in(places: Places) -> FleetCard | None:
    """The fleet card of this device, if it has one. Raises Unsafe, FieldError and OSError.

    One that the device has got by itself lies where the agent can write: the first that is seen is pinned, and an
    agent gone wild later cannot name another fleet.
    """
    octets = read_own(places.card, MOST_CARD, places.owner)
    octets = octets or read_own(places.pinned, MOST_CARD, places.owner)
    return FleetCard.parse(octets) if octets else _pin(places)


def _pin(places: Places) -> FleetCard | None:
    octets = read_planted(places.agent, BOUND, keeping.MOST)
    if octets is None:
        return None
    card = keeping.Bond.parse(octets).card
    write_whole(places.pinned, json.dumps(card.to_json()))
    return card


def _kept(places: Places, card: FleetCard) -> Floor | None:
    """The floor by this fleet's word. One that cannot be read is worth nothing; the next proof makes another."""
    try:
        kept = kept_floor(places.folder, places.owner)
    except (Unsafe, FieldError, OSError) as error:
        log.warning("the floor in %s cannot be read: %s", places.folder, error)
        return None
    return kept if kept and kept.fleet_id == card.fleet_id else None


def _offered(places: Places, card: FleetCard, kept: Floor | None) -> Floor | None:
    """What the agent has handed over, if it is the fleet's word and newer than what is kept."""
    try:
        octets = read_planted(places.agent, PROOF_FILE, MOST_PROOF)
        if octets is None:
            return None
        signed, said = proven.claimed(octets)
        if kept and said.fleet_id == card.fleet_id and said.time <= kept.time:
            return None  # nothing new: openssl is not even asked
        proven.check(signed, said, card)
    except (Unsafe, NotProven, OSError) as error:
        log.warning("what the agent has handed over as the time is not believed: %s", error)
        return None
    return Floor(said.time, said.fleet_id)


def _keep(places: Places, floor: Floor) -> None:
    try:
        keep_floor(places.folder, floor)
    except OSError as error:  # it holds for now all the same
        log.warning("the floor cannot be kept in %s: %s", places.folder, error)
    else:
        log.info("the fleet has signed that it is %s; the clock's floor is raised to that", _told(floor.time))


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
