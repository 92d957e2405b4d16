"""Has another capture take over: the part of the one that runs.

Nothing changes for it until the successor has said that it reads; whatever goes wrong before, it goes on. Of the
work all is done by the lookout's thread, so that nothing is opened meanwhile, but for the moment itself: between
two codes the reader's thread tells what must be remembered, and reads no more.
"""

from __future__ import annotations

import logging
import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.errors import NotTakenOver
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.reading import Reader
from pi_auto.client.capture.roll import SUCCESSION, Roll
from pi_auto.client.capture.storing import STORING
from pi_auto.client.capture.succession.child import Child
from pi_auto.client.capture.succession.contract import CONTRACT, MOST_DEVICES
from pi_auto.client.capture.succession.moment import Moment
from pi_auto.client.notify import Manager
from pi_auto.typed import Any

READY_WITHIN = 60.0  # seconds, as systemd waits for a service to start
PAUSE_WITHIN = 20.0  # for a moment between two codes
FREE_WITHIN = 5.0  # for what keeps it from that to be over
BARRIER_WITHIN = 5.0  # for systemd to take note


_LOOK = 0.05


class Predecessor:
    """Of one process; `work` may be done again after it did not come about."""

    def __init__(
        self, reader: Reader, roll: Roll, inbox: Inbox, bulletin: Bulletin, is_busy: Callable[[], bool]
    ) -> None:
        self._reader, self._roll, self._inbox, self._bulletin, self._is_busy = (
            reader,
            roll,
            inbox,
            bulletin,
            is_busy,
        )
        self._manager = Manager()
        self._tries = 0
        self._moment: Moment | None = None

    def work(self) -> bool:
        """Try it; whether somebody else reads from now on. Why it does not is logged, and told on the bulletin."""
        self._tries += 1
        try:
            self._hand_over()
        except NotTakenOver as error:
            self._inbox.put(Note(logging.WARNING, f"no other capture takes over: {error}"))
            told = {"ok": False, "tries": self._tries, "said": str(error)[:300], "fault": error.is_fault}
            self._bulletin.post(SUCCESSION, told)
            return False
        return True

    def take_leave(self) -> None:
        """At the very end: systemd must know by then whom to look after."""
        if self._moment and self._moment.barrier is not None:
            poll = select.poll()
            poll.register(self._moment.barrier, 0)
            poll.poll(BARRIER_WITHIN * 1000)

    def _hand_over(self) -> None:
        if not self._manager.listens:
            raise NotTakenOver("no service manager has started this process")
        if not _comes(lambda: self._bulletin.is_ok(STORING)):
            raise NotTakenOver("nothing can be stored just now")
        if not _comes(lambda: not self._is_busy()):
            raise NotTakenOver("a code with a secret is being carried to where it belongs")
        child = Child()
        try:
            self._make_ready(child)
            self._at_a_pause(child)
        except NotTakenOver as error:
            child.way.close()
            raise NotTakenOver(f"{error}{child.end()}", is_fault=error.is_fault) from None
        except OSError as error:
            child.way.close()
            child.end()
            raise NotTakenOver(f"this capture could not hand over: {error}") from error

    def _make_ready(self, child: Child) -> None:
        hello, _ = child.way.hear(READY_WITHIN, "contract")
        if hello["contract"] != CONTRACT:
            raise NotTakenOver(f"its contract is {str(hello['contract'])[:20]}; allowed: {CONTRACT}")
        devices, descriptors = self._devices()
        thread = os.getpid()  # the number of the main thread as well, which reads
        policy = [os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority]
        told = {"devices": devices, "persons": self._roll.memory(), "policy": policy}
        child.way.say({"contract": CONTRACT} | told, descriptors)
        child.way.hear(READY_WITHIN, "ready")

    def _devices(self) -> tuple[list[dict[str, Any]], list[int]]:
        devices, descriptors = [], []
        for source in self._roll.sources():
            descriptor = source.fileno()
            if descriptor is None or not _is_open(descriptor, source.path):
                raise NotTakenOver("a recording is played, or a scanner was unplugged just now")
            devices.append({"path": str(source.path), "judged": not self._roll.is_unjudged(source.path)})
            descriptors.append(descriptor)
        if len(devices) > MOST_DEVICES:
            raise NotTakenOver(f"{len(devices)} devices are open; allowed: {MOST_DEVICES}")
        return devices, descriptors

    def _at_a_pause(self, child: Child) -> None:
        self._moment = Moment(child, self._manager)
        self._reader.relieve(self._moment.come)
        self._moment.wait(PAUSE_WITHIN)


def _is_open(descriptor: int, path: Path) -> bool:
    """Whether it is that device still: the reader closes what has gone, and the number is given again."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _comes(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + FREE_WITHIN
    while not condition() and time.monotonic() < deadline:
        time.sleep(_LOOK)
    return condition()
