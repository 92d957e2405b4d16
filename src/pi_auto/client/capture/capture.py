"""The parts of capture, put together: reader, clerk and lookout, the courier, and what shows how it goes.

lookout ─ opened scanners → reader (the main thread) ─ drafts, notes → clerk ─ records → spool
"""

from __future__ import annotations

import gc
import logging
import os
import shlex
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from pi_auto.client import itself
from pi_auto.client.binding import door as fleet_door
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.clerk import Clerk
from pi_auto.client.capture.courier import Courier
from pi_auto.client.capture.events import InputEvent
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.keeping import of_this_process
from pi_auto.client.capture.learning.knowledge import Knowledge
from pi_auto.client.capture.lookout import Lookout
from pi_auto.client.capture.reading import Reader
from pi_auto.client.capture.roll import RELEASE, SCANNER, SCANNERS, Roll, told
from pi_auto.client.capture.signals.scores import Signal
from pi_auto.client.capture.signals.signaller import Lamp, Signals
from pi_auto.client.capture.sources.recording import ReplaySource
from pi_auto.client.clock import system_clock
from pi_auto.client.notify import Manager
from pi_auto.client.spool.doorbell import SENT
from pi_auto.client.spool.errors import SpoolRefused
from pi_auto.client.wifi.door import hand_over
from pi_auto.frozen import frozen
from pi_auto.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from pi_auto.client.capture.succession.heir import Heir
    from pi_auto.client.capture.succession.predecessor import Predecessor

_STOP_SECONDS = 4.0
_LAST_FLASH = 0.5
_log = logging.getLogger("pi_auto.capture")


@frozen
class Wanted:
    """What the settings ask for; see `run_capture`. `recording` is what is in `replayed`, played for a scanner."""

    device: Path | None
    replayed: Path | None
    recording: list[InputEvent]
    lamps: list[Lamp]
    log_barcodes: bool
    wifi: Path | None
    card: Path | None


class Capture:
    """Of this process. Where there is an `heir` it takes over from another one. `run` returns the exit code."""

    def __init__(self, folder: Path, agent: Path, wanted: Wanted, stop: int, heir: Heir | None) -> None:
        self._folder, self._agent, self._wanted, self._stop, self._heir = folder, agent, wanted, stop, heir
        self._leaving: Predecessor | None = None
        self._inbox, now = Inbox(), system_clock()
        self._bulletin = Bulletin(folder, is_up=heir is None)
        self._signals = Signals(wanted.lamps, folder / SENT, agent / "marks.sqlite", self._bulletin)
        self._clerk = Clerk(
            self._inbox, folder, agent, now, _stop_this_process, self._bulletin, self._signals,
            log_barcodes=wanted.log_barcodes, is_examined=heir is not None,
        )  # fmt: skip
        knowledge = Knowledge(folder, agent, lambda said: self._inbox.put(Note(logging.WARNING, said)))
        self._roll, keeping = Roll(self._bulletin), heir.keeping if heir else of_this_process()
        self._lookout = Lookout(wanted.device, self._inbox, _stop_this_process, knowledge, self._roll, keeping)
        self._courier = Courier(
            self._inbox, self._signals.show, now,
            partial(hand_over, door=wanted.wifi) if wanted.wifi else None,
            partial(fleet_door.hand_over, agent=agent, card=wanted.card),
        )  # fmt: skip
        self._reader = Reader(
            self._inbox, now, stop, self._lookout, self._courier.take,
            lambda: self._lookout.relieve(self._is_relieved),
        )  # fmt: skip

    def run(self, let_go: Callable[[], None]) -> int:
        """Read until told to stop, or until another one reads on; `let_go` of the spool, then leave."""
        if release := itself.release():
            self._bulletin.post(RELEASE, release)  # whatever the link to it names while this runs
        if self._heir:
            self._take_over(self._heir)
        else:
            self._clerk.start()
            self._begin()
        _log.info("capture is up: spool=%s", self._folder)
        if self._wanted.replayed:
            self._play(self._wanted.replayed)
        is_relieved = self._reader.run()
        self._store_the_rest()
        let_go()
        self._leave(is_relieved=is_relieved)
        return self._exit_code()

    def _take_over(self, heir: Heir) -> None:
        heir.examine(self._folder, self._agent)
        heir.take_over(self._lookout, self._reader, self._roll, self._stop)
        heir.settle(self._folder, self._bulletin, self._clerk.start, self._begin, _stop_this_process)

    def _begin(self) -> None:
        self._courier.start()
        self._signals.start()
        if not self._wanted.replayed:
            self._lookout.begin(self._reader, self._say_ready)

    def _play(self, file: Path) -> None:
        source = ReplaySource(file, self._wanted.recording)
        self._bulletin.post(SCANNERS, [told(source.scanner, source.path, SCANNER)])
        self._reader.adopt(source)
        self._say_ready()

    def _is_relieved(self) -> bool:
        """Whether another capture reads on now; in the lookout's thread."""
        from pi_auto.client.capture.succession.predecessor import Predecessor  # noqa: PLC0415 - for an update alone

        if self._leaving is None:
            self._leaving = Predecessor(
                self._reader, self._roll, self._inbox, self._bulletin, lambda: self._courier.is_busy
            )
        return self._leaving.work()

    def _store_the_rest(self) -> None:
        self._inbox.close()
        if self._heir is None or self._heir.has_spool.wait(_STOP_SECONDS):
            self._clerk.join(_STOP_SECONDS)

    def _leave(self, *, is_relieved: bool) -> None:
        self._signals.show(Signal.END)
        if self._signals.is_alive():
            self._signals.join(_LAST_FLASH)
        if is_relieved and self._leaving:
            self._leaving.take_leave()
        else:
            self._bulletin.take_down()

    def _exit_code(self) -> int:
        if self._clerk.failure:
            return 2 if isinstance(self._clerk.failure, SpoolRefused) else 1
        if self._lookout.failure:
            return 1
        if self._clerk.is_alive() or self._clerk.unsaved:
            _log.error("stopped with records that could not be stored")
            return 1
        _log.info("capture has stopped; everything is stored")
        return 0

    def _say_ready(self) -> None:
        gc.freeze()  # what is there by now stays: to look through it again would stop the reader for milliseconds
        Manager().ready()
        with suppress(OSError):  # nobody listens (any more): no reason not to scan
            print(f"pi-auto-client capture ready: spool={shlex.quote(str(self._folder))}", flush=True)


def _stop_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
