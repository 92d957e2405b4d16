"""Takes over from another capture: the part of the successor.

It loads and prepares all it can while the other one reads on, and then waits for its word. It writes nothing,
opens no device and shows nothing before; the spool is its own once the other one has let go of it, all the rest
once that has hung up.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from pi_auto.client import itself
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.errors import NotTakenOver
from pi_auto.client.capture.keeping import Keeping, name_of
from pi_auto.client.capture.lookout import Lookout
from pi_auto.client.capture.reading import Reader
from pi_auto.client.capture.roll import SUCCESSION, Roll
from pi_auto.client.capture.storing import Storing as _Storing  # noqa: F401 - the clerk's, loaded while there is time
from pi_auto.client.capture.succession.contract import CONTRACT, VARIABLE, Message, Way, close_all
from pi_auto.client.clock import boottime_ns
from pi_auto.client.notify import Manager
from pi_auto.client.spool.errors import SpoolDamaged
from pi_auto.client.spool.examining import examine
from pi_auto.client.spool.lock import wait_to_be_sole_writer
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.client.spool.settled import acknowledged

DEVICES_WITHIN = 10.0  # seconds
GO_WITHIN = 60.0
_log = logging.getLogger("pi_auto.capture")


class Heir:
    """Of this process, which was started with `end`. Raises NotTakenOver if the other one is not as agreed."""

    def __init__(self, end: socket.socket) -> None:
        self._way = Way(end)
        self._way.say({"contract": CONTRACT, "release": itself.release()})
        self._told, descriptors = self._way.hear(DEVICES_WITHIN, "devices")
        self._paths: frozenset[Path] = frozenset()
        try:
            self.keeping = self._keeping(descriptors)
        except (KeyError, TypeError, ValueError) as error:
            close_all(descriptors)
            raise NotTakenOver(f"what was told of devices cannot be used: {error}") from error
        self._since = self._gap = 0
        self.has_spool = threading.Event()

    def examine(self, folder: Path, agent: Path) -> None:
        """Look through the spool while the other one writes it, so that nothing scanned waits for that later.

        Raises NotTakenOver if it is damaged: the other one will see to it. SpoolRefused if it is a newer one's.
        """
        try:
            examine(folder / FILE_NAME, partial(acknowledged, agent / "marks.sqlite"))
        except (SpoolDamaged, sqlite3.Error, OSError) as error:
            raise NotTakenOver(f"the queue cannot be taken over: {error}") from error

    def take_over(self, lookout: Lookout, reader: Reader, roll: Roll, stop: int) -> None:
        """Be ready to read the same devices in the same way, wait for the word, and go on from there.

        Raises NotTakenOver if that cannot be, or does not come about.
        """
        try:
            self._prepare(lookout, reader, roll)
            self._take_priority()
            self._way.say({"ready": True})
            told, _ = self._way.hear(GO_WITHIN, "go", [stop])
            reader.recall(told["go"])
            self._since = int(told["at"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NotTakenOver(f"what it was told cannot be used: {type(error).__name__}: {error}") from error
        self._way.say({"reads": True})
        self._gap = boottime_ns() - self._since

    def settle(
        self,
        folder: Path,
        bulletin: Bulletin,
        store: Callable[[], None],
        rest: Callable[[], None],
        died: Callable[[], None],
    ) -> None:
        """In a thread of its own: `store` once the spool is let go of, `rest` once the other one has gone."""

        def work() -> None:
            try:
                wait_to_be_sole_writer(folder)
                store()
                self.has_spool.set()
                self._way.wait_for_end()
                bulletin.put_up()
                rest()
            except Exception:  # noqa: BLE001 - whatever it is, it must not read on without storing
                _log.critical("capture cannot go on with what it has taken over", exc_info=True)
                died()
            self._tell(bulletin)

        threading.Thread(target=work, name="heir", daemon=True).start()

    def _prepare(self, lookout: Lookout, reader: Reader, roll: Roll) -> None:
        roll.recall(self._told["persons"])
        if not lookout.prepare(reader, self._paths):
            raise NotTakenOver("it would read other devices than are read now")
        reader.obey()
        gc.freeze()  # as at any start: whatever is loaded by now, storing too, stays out of the reader's way

    def _tell(self, bulletin: Bulletin) -> None:
        self._way.close()
        milliseconds = round(self._gap / 1e6, 3)
        _log.info("taken over from the capture before; nobody read for %s ms", milliseconds)
        bulletin.post(SUCCESSION, {"ok": True, "gap_ms": milliseconds})

    def refuse(self, why: str) -> None:
        """Say that it does not come about."""
        with suppress(NotTakenOver):
            self._way.say({"no": why})

    def _keeping(self, descriptors: list[int]) -> Keeping:
        if self._told.get("contract") != CONTRACT:
            raise ValueError(f"contract is {self._told.get('contract')!r}; allowed: {CONTRACT}")
        returned: dict[str, list[int]] = {}
        for _, descriptor in zip(self._told["devices"], descriptors, strict=True):
            if name := name_of(descriptor):
                returned.setdefault(name, []).append(descriptor)
            else:
                os.close(descriptor)  # of a FIFO, which is opened by its path as well
        keeping = Keeping(Manager(), returned)
        self._paths = _paths(self._told)
        keeping.unjudged = frozenset(Path(one["path"]) for one in self._told["devices"] if not one["judged"])
        return keeping

    def _take_priority(self) -> None:
        """Of this thread alone: those that it starts fall back, as systemd has them do."""
        policy, priority = self._told.get("policy") or (os.SCHED_OTHER, 0)
        if policy != os.sched_getscheduler(0):
            with suppress(OSError):  # a unit of an older release: read on without
                os.sched_setscheduler(0, policy, os.sched_param(priority))


def heir_of_this_process() -> Heir | None:
    """It, if another capture has started this one for that. Raises NotTakenOver."""
    told = os.environ.pop(VARIABLE, "")
    if not told.isdecimal():
        return None
    try:
        end = socket.socket(fileno=int(told))
        os.set_inheritable(end.fileno(), False)
    except OSError as error:
        raise NotTakenOver(f"{VARIABLE} is {told}, which is no socket ({error.strerror})") from error
    return Heir(end)


def _paths(told: Message) -> frozenset[Path]:
    return frozenset(Path(one["path"]) for one in told["devices"])
