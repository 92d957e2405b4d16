"""The thread that shows signals: it sleeps until something happens, or until a lamp is to change.

The clerk says what has happened and never waits; the agent rings when the server has everything, and
the marks tell whether that is so. At another bell it rings when somebody looks for this device, and its
bulletin tells for how long; nothing of either reaches the threads that read and store. A lamp that cannot
be used is told once, and does without.
"""

from __future__ import annotations

import logging
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.signals.scores import LOOKED_FOR, PASSING, Panel, Signal
from pi_auto.client.spool.destinations import API
from pi_auto.client.spool.doorbell import IDENTIFY, Bell
from pi_auto.typed import Protocol
from pi_auto.wire.ids import Position

SIGNALS = "signals"  # the bulletin's topic
_REST = 0.5  # seconds between two looks at what the agent tells, however often it rings
_MOST_WAITING = 64  # signals; lamps leave out what comes faster anyway
_log = logging.getLogger("pi_auto.capture")


class Lamp(Protocol):
    """Something that is lit or dark; a buzzer as well. Methods raise OSError where it cannot be used."""

    roles: frozenset[str]
    name: str

    def open(self) -> None:
        """Take it, dark."""

    def light(self, *, lit: bool) -> None:
        """Switch it."""

    def close(self) -> None:
        """Give it back, dark."""


class Signals(threading.Thread):
    """Shows signals on `lamps`; is rung at `bell`, and then looks into the agent's `marks`."""

    def __init__(self, lamps: Sequence[Lamp], bell: Path, marks: Path, bulletin: Bulletin) -> None:
        super().__init__(name="signals", daemon=True)
        self._lamps, self._bell_path, self._marks, self._bulletin = list(lamps), bell, marks, bulletin
        self._panel = Panel({role for lamp in lamps for role in lamp.roles})
        self._lit: set[str] = set()
        self._signals: deque[Signal] = deque()
        self._newest: Position | None = None
        self._may_be_sent = self._may_be_looked_for = False
        self._rests_until = -math.inf
        self._troubles: list[str] = []
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def begin(self, newest: Position) -> None:
        """Tell which record was stored last before this start: it may have been sent already."""
        self._newest, self._may_be_sent = newest, True
        os.eventfd_write(self._wake, 1)

    def show(self, signal: Signal, newest: Position | None = None) -> None:
        """Have it shown soon; `newest` is the record that was stored last. Never waits, never fails."""
        self._newest = newest or self._newest
        if self._lamps and (len(self._signals) < _MOST_WAITING or signal not in PASSING):
            self._signals.append(signal)
            os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        """Show signals until END."""
        self._open()
        if not self._lamps:
            return
        bells = [self._hang_bell(path) for path in (self._bell_path, self._bell_path.with_name(IDENTIFY))]
        try:
            self._work(*bells)
        finally:
            for bell in filter(None, bells):
                bell.close()
            for lamp in self._lamps:
                with suppress(OSError):
                    lamp.close()

    def _work(self, sent: Bell | None, identify: Bell | None) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        for bell in (each for each in (sent, identify) if each):
            poll.register(bell, select.POLLIN)
        while Signal.END not in (taken := self._take()):
            for signal in taken:
                self._panel.take(signal)
            rung = {descriptor for descriptor, _ in poll.poll(self._render())}
            if self._wake in rung:
                os.eventfd_read(self._wake)
            if sent and sent.fileno() in rung:
                sent.silence()
                self._may_be_sent = True
            if identify and identify.fileno() in rung:
                identify.silence()
                self._may_be_looked_for = True
            self._show_itself()
            self._look_whether_sent()

    def _take(self) -> list[Signal]:
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self._signals.popleft())
        return taken

    def _show_itself(self) -> None:
        if not self._may_be_looked_for or time.monotonic() < self._rests_until:
            return
        self._may_be_looked_for, self._rests_until = False, time.monotonic() + _REST
        from pi_auto.client.capture.signals.wanted import wanted_until  # noqa: PLC0415 - seldom needed

        self._panel.show_itself(wanted_until(self._marks.parent))

    def _look_whether_sent(self) -> None:
        newest = self._newest
        if not (self._may_be_sent and newest and newest.number):
            return
        from pi_auto.client.spool.settled import settled_at  # noqa: PLC0415 - SQLite, once there is a spool

        self._may_be_sent = False
        if settled_at(self._marks, API, newest.spool) >= newest.number:
            self._signals.append(Signal.SENT)

    def _render(self) -> int | None:
        """Switch what has to be; milliseconds until the next change, None if there is none."""
        now = time.monotonic()
        lit, until = self._panel.at(now)
        for lamp in self._lamps.copy():
            self._switch(lamp, lit=not lit.isdisjoint(lamp.roles))
        if self._signals:
            return 0
        if self._may_be_looked_for:
            until = min(until, self._rests_until)
        return None if until == math.inf else max(0, math.ceil((until - now) * 1000))

    def _switch(self, lamp: Lamp, *, lit: bool) -> None:
        if lit == (lamp.name in self._lit):
            return
        self._lit ^= {lamp.name}
        try:
            lamp.light(lit=lit)
        except OSError as error:
            self._do_without(lamp, error)
            self._tell()

    def _open(self) -> None:
        for lamp in self._lamps.copy():
            try:
                lamp.open()
            except OSError as error:
                self._do_without(lamp, error)
        self._tell()

    def _do_without(self, lamp: Lamp, error: OSError) -> None:
        trouble = f"{lamp.name}: {error.strerror}" + (f" ({error.filename})" if error.filename else "")
        _log.warning("a signal cannot be shown: %s", trouble)
        self._lamps.remove(lamp)
        self._troubles.append(trouble)

    def _tell(self) -> None:
        shown = ", ".join(lamp.name for lamp in self._lamps) or "nothing"
        said = "; ".join(self._troubles) if self._troubles else f"shown by {shown}"
        can = any(not lamp.roles.isdisjoint(LOOKED_FOR) for lamp in self._lamps)
        self._bulletin.post(SIGNALS, {"ok": not self._troubles, "said": said, "identifies": can})

    def _hang_bell(self, path: Path) -> Bell | None:
        try:
            return Bell(path, mode=0o660)  # its group is the agent's, which rings
        except OSError as error:
            _log.warning("the agent cannot ring at %s: %s", path, error.strerror)
            return None
