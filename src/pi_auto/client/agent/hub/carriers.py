"""Which way to the hub is tried next: MQTT on port 8883, or within a WebSocket on 443. Pure.

A network may let nothing but HTTPS out, and a hub that is down looks the same from here. So
where one carrier leads nowhere the other is tried at once, but only until both have been
tried over this link: from then on it is one try a turn, so that a fleet which has lost its hub
does not knock twice as often. The carrier that worked last gets two tries for each of the other.
Times are time.monotonic, seconds; chance is handed in.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf
from random import Random

_TRIES = 2  # of the carrier that worked last, for each one of the other
_BACK = 6 * 3600.0  # seconds by WebSocket until 8883 is tried again, at the next new token


class Carrier(StrEnum):
    """What carries MQTT to the hub."""

    MQTT = "MQTT"
    WEBSOCKET = "WebSocket"


class Carriers:
    """Ask `next`, try it, and tell `worked` or `failed`."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._link: object = None
        self._offered: tuple[Carrier, ...] = ()
        self._begin()

    def _begin(self) -> None:
        """Nothing is known of the network."""
        self._turn = self._good = Carrier.MQTT
        self._untried: set[Carrier] = set(Carrier)
        self._misses = 0
        self._back_at = inf

    def next(self, offered: tuple[Carrier, ...], link: object, now: float) -> Carrier:
        """What to try of those that are offered, over the device's own link as it is now."""
        if (link, offered) != (self._link, self._offered) or now >= self._back_at:
            self._link, self._offered = link, offered
            self._begin()
        if self._turn not in offered:
            self._turn = offered[0]
        return self._turn

    def worked(self, now: float) -> None:
        """The last one led to the hub."""
        self._good, self._untried, self._misses = self._turn, set(), 0
        if self._good is Carrier.WEBSOCKET:
            self._back_at = min(self._back_at, now + _BACK * self._rng.uniform(0.75, 1.25))

    def failed(self) -> bool:
        """The last one led nowhere; whether the other is to be tried at once."""
        others = [carrier for carrier in self._offered if carrier is not self._turn]
        self._untried.discard(self._turn)
        if not others:
            return False
        if others[0] in self._untried:
            self._turn = others[0]
            return True
        self._misses = self._misses + 1 if self._turn is self._good else 0
        self._turn = others[0] if self._misses >= _TRIES else self._good
        return False
