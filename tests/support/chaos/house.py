"""A household in which everything can go wrong: doors before server and hub, a small disk, a clock, a keeper.

with ChaosHouse(tmp_path) as house:
    house.ready_to(strike)()
    house.end(strike)
    house.calm()
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from pi_auto.simulator.pi import VirtualPi
from support import processes
from support.chaos.disk import SmallDisk
from support.chaos.door import TroubledDoor
from support.chaos.keeper import Keeper
from support.chaos.plan import DOORS, OF_THE_NET, Fault, Strike
from support.faked_clock import FakedClock
from support.household import Household
from support.preloading import build, can_be_built, preloaded

_DIVERSION = Path(__file__).with_name("diversion.c")
_DISK = 32 << 20  # bytes


class ChaosHouse(Household):
    """`left_out` says which faults or targets this machine cannot have; its keeper starts again what has ended."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._everything = ExitStack()
        self.disk = SmallDisk(folder / "pi" / "state", folder / "disk.ext4", _DISK)
        self._everything.callback(self.disk.close)
        doors = DOORS if can_be_built() else DOORS[:1]  # the other one needs the diversion
        self.doors = {name: self._everything.enter_context(TroubledDoor()) for name in doors}
        self.clock = FakedClock(folder) if can_be_built() else None
        self._diversion = build(_DIVERSION, folder) if can_be_built() else None
        self.keeper = Keeper(self)

    @property
    def left_out(self) -> list[str]:
        """As the class says."""
        faults = {Fault.FULL: self.disk.is_there, Fault.CLOCK: self.clock is not None}
        missing = [str(fault) for fault, is_possible in faults.items() if not is_possible]
        return missing + [door for door in DOORS if door not in self.doors]

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except BaseException:
            self.keeper.stop()
            self._everything.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.calm()
        self.keeper.stop()
        super().__exit__(kind, error, trace)
        self._everything.close()

    def _make_pi(self) -> VirtualPi:
        """A Pi that knows the server's door alone, and does not know that there is one before the hub."""
        for name, address in zip(DOORS, (self._https, self._hub_mqtt), strict=True):
            if name in self.doors:
                host, _, port = address.rpartition(":")
                self.doors[name].leads_to = (host, int(port))
        address = f"127.0.0.1:{self.doors['api'].port}"
        return VirtualPi(self.folder / "pi", self.office.hand_out_card(address), "00000000cafe0001")

    def _start_pi(self) -> None:
        with self._as_on_the_pi():
            self.pi.start()
        self.keeper.start()

    @contextmanager
    def _as_on_the_pi(self) -> Iterator[None]:
        """Programs that are started meanwhile go by the Pi's clock, and to the hub by its door."""
        with ExitStack() as stack:
            if self.clock:
                stack.enter_context(self.clock.for_what_is_started())
            if self._diversion:
                hub = self.doors["hub"]
                way = f"{hub.leads_to[1]} {hub.port}"
                stack.enter_context(preloaded(self._diversion, PI_AUTO_TEST_DIVERSION=way))
            yield

    def ready_to(self, strike: Strike) -> Callable[[], None]:
        """What makes a fault strike at once, with all that takes time done: whom it strikes is looked up now."""
        if strike.fault in OF_THE_NET:
            return partial(self.doors[strike.target].begin, strike.fault)
        if strike.fault is Fault.CLOCK and self.clock:
            return partial(self.clock.put_on, strike.step)
        if strike.fault is Fault.FULL:
            return self.disk.fill
        found = self.everything() if strike.fault is Fault.RESTART else self.pids(strike.target)
        return partial(processes.kill, found, signal.SIGSTOP if strike.fault is Fault.STOP else signal.SIGKILL)

    def end(self, strike: Strike) -> None:
        """Have it over, if it lasts."""
        if strike.fault in OF_THE_NET:
            self.doors[strike.target].end(strike.fault)
        elif strike.fault is Fault.STOP:
            processes.kill(self.pids(strike.target), signal.SIGCONT)
        elif strike.fault is Fault.FULL:
            self.disk.free()
        elif strike.fault is Fault.CLOCK and self.clock:
            self.clock.put_on(0)

    def calm(self) -> None:
        """Nothing is wrong any more, whatever was."""
        for target in self.doors:
            for fault in OF_THE_NET:
                self.end(Strike(0, fault, target))
        for victim in self.victims:
            self.end(Strike(0, Fault.STOP, victim))
        self.end(Strike(0, Fault.FULL))
        self.end(Strike(0, Fault.CLOCK))

    def everything(self) -> list[int]:
        """Every process of server and Pi, as a power cut of both strikes them."""
        return [pid for pid in processes.pids(str(self.folder)) if pid != os.getpid()]

    def tend(self) -> None:
        """Start again what has ended, as systemd does, with what is left of it out of the way."""
        if self.server_has_ended():
            processes.kill(self.pids("worker"))
            self.restart_server()
        client = self.pi.client
        if client.process and client.process.poll() is not None:
            processes.kill(self.pids("capture") + self.pids("agent"))
            with self._as_on_the_pi():
                client.start()
