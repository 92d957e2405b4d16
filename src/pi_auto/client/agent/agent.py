"""The agent's life: its workers run as threads until it is stopped, and a bell wakes them.

A worker that dies of anything it does not expect ends the whole agent, whose supervisor
starts it again from what is on disk: nothing lives in memory alone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pi_auto.client.agent.assembly import ERRANDS, Assembly
from pi_auto.client.agent.wakeups import Reason
from pi_auto.client.alone import hold_alone
from pi_auto.client.notify import Manager
from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import API, HUB
from pi_auto.client.spool.doorbell import UPDATE, Bell, ring

log = logging.getLogger("pi_auto.agent")

_LISTEN = 1.0  # seconds; the order to stop rings the bell as well, but a ring can be lost
_FAREWELL = 3.0  # seconds for all workers together: the agent has to stop within five


class Agent:
    """The agent over the state folder in `settings`. Raises OSError or NoIdentity if that cannot be used.

    `doctor` is the command that examines a device with these settings; it is told where its bundle goes.
    """

    def __init__(self, settings: Settings, doctor: Sequence[str] = ()) -> None:
        folder = settings.agent_folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._alone = _hold_alone(folder)
        self._wake_path = folder / "wake.sock"
        # No Event: a signal handler that sets one may find its lock held by what it interrupts.
        self._stopping = self._failed = False
        self._assembly = Assembly(settings, doctor, self.stop)
        self.identity = self._assembly.identity
        self._bell = Bell(self._wake_path)
        self._threads = [
            threading.Thread(target=self._guard, args=(work,), name=name, daemon=True)
            for name, work in self._assembly.workers().items()
        ]

    def run(self) -> bool:
        """Work until `stop`; False if a worker has died."""
        for thread in self._threads:
            thread.start()
        manager = Manager()
        manager.ready()
        while not self._stopping:
            manager.alive()
            if self._bell.wait(_LISTEN):
                self._heard()
        self._assembly.wake(Reason.STOP)
        self._close()
        return not self._failed

    def stop(self) -> None:
        """End `run` soon. May be called from a signal handler."""
        self._stopping = True
        ring(self._wake_path)

    def _heard(self) -> None:
        """Capture has stored something, or somebody wants something looked at."""
        self._assembly.wake(Reason.RECORD, API, HUB)
        self._assembly.wifi.look()
        if self._bell.heard(UPDATE):
            self._assembly.wake(Reason.UPDATE, ERRANDS)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("a worker died; the agent ends and is started anew")
            self._failed = True
            self.stop()

    def _close(self) -> None:
        """Wait for the workers, close what they used; one that hangs in a call is left to the process's end."""
        deadline = time.monotonic() + _FAREWELL
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        self._assembly.close(deadline, ended=ended)
        self._bell.close()
        if ended:
            os.close(self._alone)


def _hold_alone(folder: Path) -> int:
    try:
        return hold_alone(folder / "agent.lock")
    except BlockingIOError:
        raise BlockingIOError(
            f"another agent works on {folder}; give each one a state folder of its own"
        ) from None
