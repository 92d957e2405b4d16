"""`trust_first_server`: takes the fleet of the first server that is found, for laboratories. Off unless it is set.

Whoever answers first owns the device, and everything that it scans from then on. So it is searched for once: what
was found is pinned, and every other one is an impostor from then on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from random import SystemRandom

from pi_auto.client.agent.backoff import Backoff

log = logging.getLogger("pi_auto.registration")

_LONGEST = 30.0  # seconds between two searches


class FirstServer:
    """Searches in a thread of its own until `trust_first` has found one, or it is closed."""

    def __init__(self, trust_first: Callable[[], bool]) -> None:
        self._trust_first = trust_first
        self._over = threading.Event()
        self._pauses = Backoff(SystemRandom(), longest=_LONGEST)
        threading.Thread(target=self._search, name="first server", daemon=True).start()

    def close(self) -> None:
        """Search no more."""
        self._over.set()

    def _search(self) -> None:
        while not self._over.is_set():
            try:
                if self._trust_first():
                    return
            except FileExistsError:  # a code was quicker
                return
            except OSError as error:
                log.warning("the fleet's card cannot be kept: %s", error)
            self._over.wait(self._pauses.next())
