"""`reboot`: the machine starts anew, three times in a day at most, whoever asks.

The agent has no right to it. It makes a file in its run-time folder, which systemd watches
(pi-auto-reboot.path): that file's being there is all that can be said by it. Made a moment later, so
that the answer goes out first. What is stored is safe anyhow, and the agent says `offline` as it stops.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_auto.client.agent.methods.reboots import Reboots, left_in, noted, store_reboots, stored_reboots, wait_of
from pi_auto.client.agent.methods.restart import SOON
from pi_auto.client.clock import ClockReading
from pi_auto.wire.methods import DONE, MOST_REBOOTS, NOT_NOW, TOO_OFTEN, Answer, refusal

log = logging.getLogger("pi_auto.methods")

WISH = "reboot"
_NOBODY = "nobody here reboots for the agent: it is not run by the installed services"


def runtime_folder() -> Path | None:
    """The agent's own of this boot, as systemd names it; None where nothing was installed for it."""
    named = os.environ.get("RUNTIME_DIRECTORY")
    return Path(named) if named and Path(named).is_dir() else None


class Reboot:
    """Reboots by a file in `runtime`, and counts them in `folder`; `read` reads this machine's clocks."""

    def __init__(
        self, folder: Path, runtime: Path | None, read: Callable[[], ClockReading], soon: float = SOON
    ) -> None:
        self._folder, self._runtime, self._read, self._soon = folder, runtime, read, soon

    def method(self, _values: dict[str, Any]) -> Answer:
        """The direct method. Raises OSError where a reboot cannot be counted: it is not made then."""
        if self._runtime is None:
            return refusal(NOT_NOW, _NOBODY)
        now = self._read()
        reboots = stored_reboots(self._folder)
        if not self._is_noted(reboots, now):
            if left_in(reboots, now) < 1:
                return refusal(TOO_OFTEN, _too_often(wait_of(reboots, now)))
            reboots = noted(reboots, now)
            store_reboots(self._folder, reboots)
        self._begin(self._runtime / WISH)
        return Answer(DONE, {"within_seconds": self._soon, "left_today": left_in(reboots, now)})

    def _is_noted(self, reboots: Reboots, now: ClockReading) -> bool:
        """A boot ends once: being told twice to end it counts once."""
        return bool(reboots) and reboots[-1].boot_id == now.boot_id

    def _begin(self, wish: Path) -> None:
        log.warning("the fleet has this machine reboot")
        timer = threading.Timer(self._soon, _make, (wish,))
        timer.daemon = True
        timer.start()


def _make(wish: Path) -> None:
    try:
        wish.touch()
    except OSError as error:
        log.error("the machine cannot be rebooted: %s: %s", wish, error.strerror)  # noqa: TRY400 - all is said


def _too_often(seconds: int) -> str:
    hours = -(-seconds // 3600)
    return (
        f"this device has rebooted {MOST_REBOOTS} times within a day; the next may come in {hours} h at the latest"
    )
