"""The rehearsal before a device is shipped: no talking, one scan, talking again, and the scan has arrived.

    1. pi-auto-client is stopped; capture goes on.     3. pi-auto-client is started again, whatever happened.
    2. A person scans one code, and it is stored.      4. Both queues become empty.

What root does of it is `systemctl` alone. All else is asked of `pi-auto-client status`, which is not root.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pi_auto.client.appliance import machine
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.waiting import comes_true

COMMAND = ("/usr/local/bin/pi-auto-client",)
TO_SCAN = 60  # seconds
TO_DELIVER = 120.0  # seconds; the agent starts, connects, and may have to wait for its turn
_AGENT, _CAPTURE = "pi-auto-client.service", "pi-auto-capture.service"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Whether it went well, and what was seen."""

    well: bool
    said: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One run; `say` is told what a person has to do, `command` is the installed client with its options."""

    say: Callable[[str], None]
    command: Sequence[str] = COMMAND
    to_scan: float = TO_SCAN
    to_deliver: float = TO_DELIVER

    def run(self) -> Rehearsed:
        """All of it. KeyboardInterrupt, also for other signals that end it, once pi-auto-client runs again."""
        try:
            for unit in (_AGENT, _CAPTURE):
                if not machine.is_active(unit):
                    return Rehearsed(False, f"not tried: {unit.removesuffix('.service')} does not run")
            stored = self._without_talking()
            return self._delivered() if stored else Rehearsed(False, self._nothing_scanned())
        except SetupFailed as error:
            return Rehearsed(False, str(error))

    def _without_talking(self) -> bool:
        """Whether a scan was stored while the agent was stopped."""
        before = self._newest()
        with _stopped():
            self.say(f"Scan one code now; it is waited for {self.to_scan:.0f} s ...")
            return comes_true(lambda: self._newest() not in {before, None}, self.to_scan)

    def _delivered(self) -> Rehearsed:
        self.say("Stored. Now it is to arrive ...")
        if comes_true(lambda: not self._waiting(), self.to_deliver):
            return Rehearsed(True, "a scan was stored while nothing could be sent, and delivered afterwards")
        left = ", ".join(f"{count} for the {name}" for name, count in self._waiting().items())
        return Rehearsed(False, f"a scan was stored, but was not delivered in {self.to_deliver:.0f} s: {left}")

    def _nothing_scanned(self) -> str:
        return f"no scan was stored within {self.to_scan:.0f} s"

    def _newest(self) -> tuple[int, str] | None:
        newest = self._status().get("newest_scan")
        return (newest["number"], newest["time"]) if newest else None

    def _waiting(self) -> dict[str, Any]:
        """What waits for which way; a hub that the server has switched off gets nothing."""
        status = self._status()
        ways = ("api", "hub") if status.get("hub") else ("api",)
        queue = status.get("queue") or {}
        return {way: queue.get(way) for way in ways if queue.get(way) != 0}

    def _status(self) -> dict[str, Any]:
        try:
            status = json.loads(machine.run(*self.command, "status", "--json", patience=30.0))
        except ValueError:
            raise SetupFailed(f"{self.command[0]} status --json tells nothing that can be read") from None
        return status if isinstance(status, dict) else {}


@contextmanager
def _stopped() -> Iterator[None]:
    """Without the agent. It is started again however this ends; no signal comes between."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    former = {number: signal.signal(number, interrupted) for number in _SIGNALS}
    try:
        machine.run("systemctl", "stop", _AGENT)
        yield
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # systemctl inherits it
        try:
            machine.run("systemctl", "start", _AGENT)
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
