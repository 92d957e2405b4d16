"""Proves the fleet through a network that is on trial: the helper joins, and this says whether home is behind it.

The helper tells of an attempt by a file and rings; the server is then asked by way of that network's interface and
no other, so that a cable beside it proves nothing. What came of it stands on the bulletin.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.errors import ApiError, Garbled
from pi_auto.client.agent.network.home import Home
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.wifi import attempt
from pi_auto.client.wifi.attempt import Attempt
from pi_auto.wire.errors import FieldError
from pi_auto.wire.health import SERVICE

_PATIENCE = 8.0  # seconds
_FINDING = 60.0  # seconds for a search of the server, which the new network has begun
_LOOK = 0.5  # seconds between two looks whether it was found; only while a network is on trial
log = logging.getLogger("pi_auto.network")


class WifiProof:
    """`reach` asks the server through an interface, by its name, and raises ApiError if that does not prove it."""

    def __init__(self, bulletin: Bulletin, reach: Callable[[str], None], folder: Path = attempt.FOLDER) -> None:
        self._bulletin, self._reach, self._folder = bulletin, reach, folder
        self._thread: threading.Thread | None = None
        self._proven = ""

    def look(self) -> None:
        """See whether something is on trial, and ask once if nobody does already. Does not wait."""
        if self._thread and self._thread.is_alive():
            return
        trial = attempt.under_way(self._folder)
        if trial and trial.is_up and trial.uuid != self._proven:
            self._thread = threading.Thread(target=self._prove, args=(trial,), name="wifi proof", daemon=True)
            self._thread.start()

    def _prove(self, trial: Attempt) -> None:
        try:
            self._reach(trial.interface)
        except (ApiError, FieldError) as error:  # the latter: no server is set
            log.warning("the server is not reached through the Wi-Fi on trial: %s", error)
            ok = False
        else:
            log.info("the server is reached through the Wi-Fi on trial")
            ok, self._proven = True, trial.uuid
        self._bulletin.post(attempt.TOPIC, {"attempt": trial.uuid, "ok": ok})


def reach_home(home: Home, interface: str) -> None:
    """The same with the server that the device finds once it is on that network. Raises ApiError."""
    until = time.monotonic() + _FINDING
    while home.is_unknown and time.monotonic() < until:
        time.sleep(_LOOK)
    reach(home.endpoint(), interface)


def reach(endpoint: Endpoint, interface: str) -> None:
    """Have the server at `endpoint` prove itself by its certificate, by way of one interface. Raises ApiError."""
    if not endpoint.tls:
        raise Garbled("a server without TLS proves nothing: whoever owns the network can answer for it")
    api = ServerApi(replace(endpoint, through=interface), _PATIENCE)
    try:
        answer = api.get("/api/health", {})
    finally:
        api.close()
    if answer.get("service") != SERVICE:
        raise Garbled("what answers there is no server of barcode devices")
