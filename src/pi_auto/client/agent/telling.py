"""What the agent tells on its bulletin: how it stands with server and hub, and what came of asking for updates.

Workers say how their calls went; only what changes the picture is posted, and no batch that
went well. Sentences may hold what a server has said, and never a secret of this device.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pi_auto.client.bulletin import Bulletin
from pi_auto.wire.scanner_settings import SCANNERS
from pi_auto.wire.times import format_time

SERVER, HUB, UPDATE, WANTED = "server", "hub", "update", "wanted"  # topics
IDENTIFY, ENROLMENT = "identify", "enrolment"
# Who looks for the server, and who asks to be taken in: while these fail, no other call can do its work.
SEARCH, REGISTRAR = "search for the server", "registrar"
_SELDOM = frozenset(("update", "search"))  # who asks seldom: others find out sooner that it answers again
_MOST = 500  # characters of a sentence


class Telling:
    """The agent's voice, for all its threads."""

    def __init__(
        self,
        bulletin: Bulletin,
        ring: Callable[[], None] = lambda: None,
        ring_lamps: Callable[[], None] = lambda: None,
    ) -> None:
        """`ring` wakes capture, which is to read what is wanted; `ring_lamps` wakes what shows its signals."""
        self._bulletin, self._ring, self._ring_lamps = bulletin, ring, ring_lamps
        self._lock = threading.Lock()
        self._faults: dict[str, str] = {}

    def reached(self, who: str) -> None:
        """A call of the worker `who` to the server has done its work."""
        with self._lock:
            for name in {who, *_SELDOM}:
                self._faults.pop(name, None)
            self._tell_server()

    def failed(self, who: str, why: str) -> None:
        """A call of `who` to the server has not done its work."""
        with self._lock:
            self._faults[who] = why[:_MOST]
            self._tell_server()

    def hub(self, *, ok: bool, said: str, host: str | None = None) -> None:
        """How the link to the hub stands."""
        self._bulletin.post(HUB, {"ok": ok, "said": said[:_MOST], "host": host})

    def enrolment(self, *, ok: bool, said: str, remedy: str = "") -> None:
        """Whether the fleet has taken this device in when it was last asked; if not, what a person has to do."""
        self._bulletin.post(ENROLMENT, {"ok": ok, "said": said[:_MOST], "remedy": remedy[:_MOST]})

    def update(
        self, *, ok: bool, said: str, version: str | None = None, step: str | None = None, over: bool = True
    ) -> None:
        """What came of asking for an update just now, or how one goes on that is not `over` yet."""
        at = format_time(datetime.now(UTC))
        told = {"ok": ok, "said": said[:_MOST], "version": version, "at": at, "step": step, "over": over}
        self._bulletin.post(UPDATE, told)

    def wanted(self, desired: dict[str, Any]) -> None:
        """What the fleet wants this device to be: of that, what capture is to read, which has no time for more."""
        self._bulletin.post(WANTED, {name: value for name, value in desired.items() if name == SCANNERS})
        self._ring()

    def identify(self, until: int) -> None:
        """Have this device show which one it is, until so many seconds of CLOCK_BOOTTIME."""
        self._bulletin.post(IDENTIFY, {"until": until})
        self._ring_lamps()

    def close(self) -> None:
        """The agent is about to end."""
        self._bulletin.take_down()

    def _tell_server(self) -> None:
        first = (self._faults[who] for who in (SEARCH, REGISTRAR) if who in self._faults)
        fault = next(first, None) or next(iter(self._faults.values()), None)
        self._bulletin.post(SERVER, {"ok": fault is None, "said": fault or "it answered when it was last asked"})
