"""Where the server is now, for every worker; and whether that is in doubt, for the one that searches."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pi_auto.client.agent.errors import Unreachable
from pi_auto.client.endpoint import Endpoint

NOT_FOUND = "no server of this device's fleet has been found yet"


class Home:
    """An endpoint that is set, or one that is searched for; for all threads.

    `doubted` is called at the first doubt; without it nothing is searched for.
    """

    def __init__(self, endpoint: Endpoint | None = None, doubted: Callable[[], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._endpoint = endpoint
        self._doubted = doubted
        self._sought = endpoint is None

    @property
    def sought(self) -> bool:
        """Whether it is to be searched for."""
        return self._sought

    @property
    def is_unknown(self) -> bool:
        """Whether it has never been found, so that nobody can be asked anything."""
        return self._endpoint is None

    def endpoint(self) -> Endpoint:
        """How to talk to the server. Raises Unreachable while it has not been found."""
        endpoint = self._endpoint
        if endpoint is None:
            raise Unreachable(NOT_FOUND)
        return endpoint

    def first_hop(self) -> tuple[str, int]:
        """What the network has to reach; an empty host before anything is known."""
        endpoint = self._endpoint
        return endpoint.first_hop if endpoint else ("", 0)

    def settle(self, endpoint: Endpoint) -> bool:
        """It was found; whether it is another than before."""
        with self._lock:
            moved = endpoint != self._endpoint
            self._endpoint, self._sought = endpoint, False
        return moved

    def doubt(self, endpoint: Endpoint) -> None:
        """Nobody answers there; moot if it has been found elsewhere since."""
        if self._doubted is None:
            return
        with self._lock:
            news = not self._sought and endpoint == self._endpoint
            self._sought = self._sought or news
        if news:
            self._doubted()
