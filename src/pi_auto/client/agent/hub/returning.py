"""When to dial the hub again after it was lost or has rejected the device.

Where the device's own link has changed it was its own doing: soon, by pauses that double. Else the
hub may have hung up on a whole fleet: in rounds. See docs/decisions/0021. A link that changes meanwhile
ends the waiting, and so does a clock that is set: with a wrong one neither tokens nor certificates are good.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from random import Random

from pi_auto.client.agent.backoff import Backoff, Spread
from pi_auto.client.agent.network.own_link import OwnLink
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.clock import clock_synced

log = logging.getLogger("pi_auto.delivery.hub")

_LOOK = 2.0  # seconds between looks at a clock that nobody has set


class Returning:
    """`link` tells the device's own link, `clock_set` of its clock; a fleet comes back over `spread` seconds."""

    def __init__(
        self,
        wakeups: Wakeups,
        rng: Random,
        spread: float,
        link: Callable[[], OwnLink],
        clock_set: Callable[[], bool] = clock_synced,
    ) -> None:
        self._wakeups = wakeups
        self.pauses = Backoff(rng)
        self._spread = Spread(rng, spread)
        self._own_link, self._clock_set = link, clock_set
        self.link = link()  # as it was when the hub was last dialled
        self._shared = False

    def dials(self, *, shared: bool) -> None:
        """The hub is dialled now; whether other devices may be coming back to it as well."""
        self.link, self._shared = self._own_link(), shared

    def heard(self) -> None:
        """The hub works: the next failure is a first one."""
        self.pauses.reset()
        self._spread.reset()

    def rest(self, error: Exception, *, lost: bool, patience: float) -> None:
        """Wait after an error for `patience` seconds at least; `lost` if the hub could not be had at all."""
        spread = lost and self._shared and self._own_link() == self.link
        pause = max(self._spread.next(), patience) if spread else self.pauses.next(patience)
        log.warning("cannot deliver barcodes to the IoT Hub, next try in %.1f s: %s", pause, error)
        self._sleep(pause)

    def _sleep(self, pause: float) -> None:
        """Sleep; no longer than until link or clock are others, since they may have been the reason."""
        until, unset = time.monotonic() + pause, not self._clock_set()
        while (left := until - time.monotonic()) > 0 and not self._wakeups.stopped:
            woken = self._wakeups.sleep(min(left, _LOOK) if unset else left, Reason.STANDING | Reason.NETWORK)
            if Reason.NETWORK in woken:
                log.info("this device's own network link has changed: trying the IoT Hub again at once")
                self.heard()
            if woken:
                return
            if unset and self._clock_set():
                log.info("this device's clock has been set: trying the IoT Hub again at once")
                return
