"""Runs the errands, whichever is due first; the one worker that does so."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.errands.updating import Updating
from pi_auto.client.agent.wakeups import Reason, Wakeups

_LONGEST_SLEEP = 3600.0  # seconds


class Errand(Protocol):
    """Times are time.monotonic, seconds."""

    def due(self) -> float:
        """When to run it next; infinity for never, as things are."""

    def run(self) -> None:
        """Do it once, and do not raise for what server and network do."""


class Runner:
    """Of errands that are due together the first in the list goes first."""

    def __init__(
        self,
        errands: Sequence[Errand],
        updating: Updating,
        api: ServerApi,
        wakeups: Wakeups,
        on_change: Sequence[Callable[[], None]] = (),
    ) -> None:
        """`on_change` is called when the network has changed, before anybody is woken."""
        self._errands = [*errands, updating]
        self._updating, self._api, self._wakeups = updating, api, wakeups
        self._on_change = on_change

    def run(self) -> None:
        """Work until stopped."""
        while not self._wakeups.stopped:
            now = time.monotonic()
            due = [(errand.due(), errand) for errand in self._errands]
            ready = next((errand for at, errand in due if at <= now), None)
            if ready:
                ready.run()
            else:
                self._wait(min(at for at, _ in due) - now)
        self._api.close()

    def network_changed(self) -> None:
        """End a call that waits on a way which is gone, and search and ask at once. Any thread may call it."""
        for told in self._on_change:
            told()
        self._wakeups.wake(Reason.NETWORK)
        self._api.network_changed()

    def _wait(self, seconds: float) -> None:
        woken = self._wakeups.sleep(min(seconds, _LONGEST_SLEEP), Reason.STANDING | Reason.NETWORK | Reason.UPDATE)
        if Reason.UPDATE in woken:
            self._updating.hurry()
