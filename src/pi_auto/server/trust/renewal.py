"""Renews the server's certificate while the server runs, long before it ends.

What shows it (this server's doors, the hub) is told, and told again until it has taken it: whoever
cannot be told now shows the old one, which is good for weeks. Names that the machine has got meanwhile,
such as an address by DHCP, are looked for once a day: so many certificates there are at most for that.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.fleet import Fleet

Show = Callable[[], None]
Names = Callable[[], tuple[str, ...]]
_LOOK_EVERY = 3600.0  # seconds
_NAMES_EVERY = timedelta(days=1)
_TELL_EVERY = 10.0  # seconds, while somebody has not been told
_log = logging.getLogger(__name__)


class Renewal:
    """Sees to the certificate; `shows` are told when there is another one, `names` are the machine's now."""

    def __init__(
        self, fleet: Fleet, clock: Callable[[], datetime], shows: Sequence[Show], names: Names = lambda: ()
    ) -> None:
        self._fleet, self._clock, self._shows, self._names = fleet, clock, tuple(shows), names
        self._found, self._found_at = names(), clock()
        self._untold: list[Show] = []
        self._lock = threading.Lock()
        self._news = threading.Event()

    def run(self) -> None:
        """Look after it as long as the process lives."""
        while True:
            self._news.wait(_TELL_EVERY if self._untold else _LOOK_EVERY)
            self._news.clear()
            self.look()

    def look(self) -> None:
        """Renew what nears its end, and tell who has to know."""
        try:
            with self._lock:
                if self._fleet.renew_certificate(self._clock(), self._daily_names()):
                    self._untold = list(self._shows)
                self._tell()
        except TrustError as error:
            _log.error("the certificate could not be renewed, which is tried again: %s", error)

    def rotate(self) -> tuple[datetime, bool]:
        """Another certificate now: until when it is good, and whether all show it already. Raises TrustError."""
        with self._lock:
            self._fleet.renew_certificate(self._clock(), self._names(), at_once=True)
            self._untold = list(self._shows)
            self._tell()
            self._news.set()
            return self._fleet.certificate_ends(), not self._untold

    def _daily_names(self) -> tuple[str, ...]:
        now = self._clock()
        if abs(now - self._found_at) >= _NAMES_EVERY:  # the clock may have been put back
            self._found, self._found_at = self._names(), now
        return self._found

    def _tell(self) -> None:
        self._untold = [show for show in self._untold if not _told(show)]


def _told(show: Show) -> bool:
    try:
        show()
    except (HubUnavailable, TrustError, OSError) as error:
        _log.warning("a new certificate is not shown everywhere yet, which is tried again: %s", error)
        return False
    return True
