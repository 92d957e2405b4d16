"""The clerk's work: commits drafts to the spool and says so.

Each scan is told what it means (interpreting.py). All that waits goes into one commit; only after it
come the signal, the doorbell and the `stored` lines.
While the disk takes nothing, drafts wait in memory (bounded), it tries again each second, and
tells so on the bulletin.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from functools import partial
from pathlib import Path

from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.housekeeping import Housekeeper
from pi_auto.client.capture.inbox import MOST_WAITING, Inbox, Note
from pi_auto.client.capture.interpreting import interpreted
from pi_auto.client.capture.resting import Rest
from pi_auto.client.capture.signals.scores import Signal
from pi_auto.client.capture.signals.signaller import Signals
from pi_auto.client.clock import Now
from pi_auto.client.machine_serial import machine_serial
from pi_auto.client.spool.doorbell import ring
from pi_auto.client.spool.drafts import Draft, IncidentDraft
from pi_auto.client.spool.errors import SpoolDamaged
from pi_auto.client.spool.replacing import set_aside
from pi_auto.client.spool.settled import acknowledged
from pi_auto.client.spool.writer import Spool
from pi_auto.client.uuids import new_uuid
from pi_auto.wire.scan import Record, Scan

_RETRY_SECONDS, _MOST_RETRY_SECONDS = 1.0, 600.0
STORING = "storing"  # the bulletin's topic
_OF_INCIDENTS = {"scanner_calibrated": Signal.STORED, "wifi_joined": Signal.JOINED}
_LAST_TRIES = 3  # at the end, before what is left is given up
_log = logging.getLogger("pi_auto.capture")


class Storing:
    """Takes everything out of `inbox` and into the spool of `folder`; marks and bell are in `agent`."""

    def __init__(
        self,
        inbox: Inbox,
        folder: Path,
        agent: Path,
        now: Now,
        bulletin: Bulletin,
        signals: Signals,
        *,
        log_barcodes: bool,
        is_examined: bool = False,
    ) -> None:
        """`is_examined`: the spool was looked through just now, by who takes it over."""
        self._is_examined = is_examined
        self._inbox, self._folder, self._now = inbox, folder, now
        self._marks, self._bell = agent / "marks.sqlite", agent / "wake.sock"
        self._bulletin, self._signals = bulletin, signals
        self._log_barcodes = log_barcodes
        self._spool: Spool | None = None
        self._waiting: list[Draft] = []
        self._overflow_told = 0
        self._trouble = ""
        self._retry = _RETRY_SECONDS
        self._housekeeper = Housekeeper(folder, self._marks)
        self._rest = Rest(self._housekeeper.disk_is_low)

    @property
    def unsaved(self) -> int:
        """How many drafts were taken and are not stored."""
        return len(self._waiting)

    def work(self) -> None:
        """Work until the inbox is closed and everything is stored, or cannot be. Raises SpoolRefused."""
        try:
            self._work()
        finally:
            self._close()

    def _work(self) -> None:
        self._try_to_store()  # opens the spool, and finds out what is wrong with it, before the first scan
        closed = False
        while not closed:
            taken, closed = self._inbox.take(MOST_WAITING - len(self._waiting), self._patience())
            self._sort(taken)
            self._try_to_store()
            if not closed:
                self._keep_house()
        for _ in range(_LAST_TRIES):
            if self._waiting:
                time.sleep(_RETRY_SECONDS / 2)
                self._try_to_store()

    def _patience(self) -> float:
        """Seconds until there is something to do even if nothing comes."""
        if self._trouble:
            return self._retry
        return 0 if self._waiting else min(self._housekeeper.seconds_left(), self._rest.seconds_left())

    def _sort(self, taken: list[Draft | Note]) -> None:
        for item in taken:
            if isinstance(item, Note):
                _log.log(item.level, "%s", item.text)
            else:
                self._waiting.append(interpreted(item))

    def _try_to_store(self) -> None:
        try:
            self._store()
        except SpoolDamaged as damage:
            self._replace(damage)
        except (sqlite3.Error, OSError) as error:
            self._in_trouble(error)

    def _store(self) -> None:
        spool = self._spool or self._open()
        records = spool.append(self._waiting) if self._waiting else []
        self._waiting.clear()
        if records:  # whoever waits for it is told first; the log can wait
            self._signal(records)
            ring(self._bell)
            self._rest.stored(len(records))
        self._say_all_is_well()
        for record in records:
            self._say_stored(record)
        self._own_up_to_overflow()

    def _open(self) -> Spool:
        settled = partial(acknowledged, self._marks)
        is_examined, self._is_examined = self._is_examined, False
        self._spool = Spool.open(self._folder, self._now, settled, machine_serial(), is_examined=is_examined)
        self._signals.begin(self._spool.newest)
        self._rest.opened()
        return self._spool

    def _replace(self, damage: SpoolDamaged) -> None:
        """Begin a new spool. Where even that comes out broken the disk is dying: try ever more rarely."""
        self._close()
        try:
            set_aside(self._folder, str(damage))
            self._store()
        except (SpoolDamaged, sqlite3.Error, OSError) as error:
            self._retry = min(2 * self._retry, _MOST_RETRY_SECONDS)
            self._in_trouble(error)

    def _in_trouble(self, error: Exception) -> None:
        """Keep everything for the next try, with a connection that has not seen the failure."""
        self._close()
        trouble = str(error)
        if trouble != self._trouble:
            said = f"nothing can be stored in {self._folder}: {trouble}"
            _log.error("%s; trying again", said)
            self._trouble = trouble
            self._bulletin.post(STORING, {"ok": False, "said": said})
            self._signals.show(Signal.TROUBLE)

    def _say_all_is_well(self) -> None:
        if self._trouble:
            _log.info("storing again")
            self._signals.show(Signal.WELL)
            self._trouble, self._retry = "", _RETRY_SECONDS
        self._bulletin.post(STORING, {"ok": True, "said": "every scan is stored"})

    def _say_stored(self, record: Record) -> None:
        number, scanner = record.position.number, record.scanner.id if record.scanner else "-"
        if isinstance(record, Scan):
            text = record.text if self._log_barcodes else "(not logged)"
            line, last = "barcode stored: number=%d uuid=%s scanner=%s text=%s", text
        else:
            line, last = f"{record.type}: number=%d uuid=%s scanner=%s reason=%s", record.reason
        _log.info(line, number, record.uuid, scanner, last)

    def _signal(self, records: list[Record]) -> None:
        for record in records:
            signal = Signal.STORED if isinstance(record, Scan) else _OF_INCIDENTS.get(record.type, Signal.LOST)
            self._signals.show(signal, record.position)

    def _own_up_to_overflow(self) -> None:
        lost, self._overflow_told = self._inbox.overflow - self._overflow_told, self._inbox.overflow
        if lost:
            reason = f"{lost} records came while the disk took nothing and {MOST_WAITING} waited in memory already"
            self._waiting.append(IncidentDraft(new_uuid(), "scan_lost", reason, self._now()))

    def _keep_house(self) -> None:
        if not self._spool or self._waiting or self._inbox.is_waiting():
            return
        try:
            self._rest.work(self._spool)
            if self._housekeeper.seconds_left() <= 0:
                self._housekeeper.work(self._spool, self._inbox.is_waiting)
        except SpoolDamaged as damage:
            self._replace(damage)
        except (sqlite3.Error, OSError) as error:
            self._in_trouble(error)

    def _close(self) -> None:
        if self._spool:
            self._spool.close()
        self._spool = None
