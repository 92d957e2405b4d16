"""Finds scanners, opens them, hands them to the reader, and looks again when one has gone.

A keyboard that may be a scanner is opened too, and grabbed until the reader has judged it; a
person's is then left alone until it is plugged in again, or forgotten.

What is learned about scanners, or set, is known here, and the reader is told how to read each.

It waits for the kernel's word that something was plugged in; it looks unasked only where none will come.
A thread of its own, since opening a USB keyboard takes the kernel 50 ms, in which the reader
would lose keys of another scanner. It tells on the bulletin what is open, and what cannot be.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Container
from pathlib import Path

from pi_auto.client.capture.attending import Attendant, Reads
from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.finding.census import Census, Way, look_around
from pi_auto.client.capture.finding.nodes import DEVICES
from pi_auto.client.capture.guarding import GUARD
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.keeping import Keeping
from pi_auto.client.capture.learning.knowledge import Knowledge
from pi_auto.client.capture.notices import Notice
from pi_auto.client.capture.plugging import Plugging
from pi_auto.client.capture.roll import Roll
from pi_auto.client.capture.sources.opening import open_named, open_way
from pi_auto.client.capture.sources.source import Source
from pi_auto.client.capture.tuning import Tuning
from pi_auto.client.clock import clock_synced

_LOOK_SECONDS = 2.0
_log = logging.getLogger("pi_auto.capture")


class _Nobody:
    """Nobody reads yet."""

    def adopt(self, source: Source) -> None:
        source.close()

    def retune(self, path: Path, tuning: Tuning) -> None:
        """There is nothing to be read."""

    def let_go(self, path: Path) -> None:
        """There is nothing to let go of."""


class Lookout(threading.Thread):
    """Keeps `device` open, or with None every scanner that is plugged in; `died` is called if it cannot go on."""

    def __init__(
        self,
        device: Path | None,
        inbox: Inbox,
        died: Callable[[], None],
        knowledge: Knowledge,
        roll: Roll,
        keeping: Keeping | None = None,
    ) -> None:
        super().__init__(name="lookout", daemon=True)
        self._device, self._inbox, self._died = device, inbox, died
        self._knowledge, self._roll, self._keeping = knowledge, roll, keeping
        self._attendant = Attendant(inbox, knowledge, roll, keeping)
        self.failure: Exception | None = None
        self._reader: Reads = _Nobody()
        self._ready: Callable[[], None] = lambda: None
        self._plugging = Plugging(DEVICES, device, knowledge.files, knowledge.door)
        self._is_unwatched = False  # something is waited for of which the kernel will not tell
        self._told: dict[Path, str] = {}
        self._only: Collection[Path] | None = None  # what may be opened
        self._work: Callable[[], bool] | None = None

    def begin(self, reader: Reads, ready: Callable[[], None]) -> None:
        """Start looking; whatever is opened goes to `reader`.

        `ready` is called once, when a code typed into what is plugged in at the start is sure to be read whole.
        """
        self._reader, self._ready = reader, ready
        self.start()

    def prepare(self, reader: Reads, paths: Collection[Path]) -> bool:
        """Open those devices and no others, before `begin`; whether it has come to exactly these."""
        self._reader, self._only = reader, paths
        self._look()
        self._only = None
        return {source.path for source in self._roll.sources()} == {*paths}

    def relieve(self, work: Callable[[], bool]) -> None:
        """Have `work` done by this thread, which opens nothing meanwhile; from any thread and without waiting.

        If that returns True it opens nothing any more.
        """
        self._work = work
        self._plugging.ring()

    def note(self, notice: Notice) -> None:
        """Take note, from any thread and without waiting, of what the reader has found."""
        self._attendant.note(notice)
        self._plugging.ring()

    def run(self) -> None:
        """Look for ever; a daemon thread."""
        try:
            self._keep_looking()
        except Exception as error:  # noqa: BLE001 - without a lookout no scanner would ever be opened again
            self.failure = error
            _log.critical("capture cannot look for scanners: %s", error, exc_info=error)
            self._died()

    def _keep_looking(self) -> None:
        self._look()
        if self._device is None and not len(self._roll):
            self._tell(Path("auto"), "no scanner found yet; looking for one")
        if self._keeping:
            self._keeping.let_go_of_the_rest()
        clock_synced()  # what that needs is loaded here, and not by the reader at its first scan
        if len(self._roll):
            time.sleep(GUARD / 1e9)  # what is typed sooner is taken for the rest of a code
        self._ready()
        self._plugging.watch()
        while True:
            self._look()
            self._plugging.wait(self._patience())
            if work := self._work:
                self._work = None
                if work():
                    return

    def _patience(self) -> float | None:
        """Seconds until it must look unasked; None if the kernel will tell."""
        if self._device in self._roll:
            return None  # a second scanner may come only where all are wanted
        return _LOOK_SECONDS if self._is_unwatched or not self._plugging.covers(self._device) else None

    def _look(self) -> None:
        self._attendant.attend()
        self._knowledge.look()
        self._roll.begin_look()
        self._is_unwatched = False
        self._try_all()
        self._attendant.retune(self._reader)

    def _try_all(self) -> None:
        if device := self._device:
            self._try(device, lambda: open_named(device, self._keeping, self._knowledge.tuning))
            return
        census = look_around()
        for way in census.scanners:
            self._try_way(way)
        for way in census.keyboards:
            if way.scanner.id in self._knowledge or self._is_to_be_judged(way):
                self._try_way(way, self._knowledge)
        for way in census.strangers:
            if way.scanner.id in self._knowledge:
                self._try_way(way)
        unsure = (*census.keyboards, *census.strangers)
        self._attendant.reopen([way.node.path for way in unsure], self._reader)
        self._take_note_of(census)

    def _is_to_be_judged(self, way: Way) -> bool:
        """One that was let go of is left alone until it is unplugged, forgotten, or no more set to be one."""
        scanner_id, path = way.scanner.id, way.node.path
        if not self._knowledge.standing(scanner_id).is_keyboard:
            self._roll.reconsider(path, is_forgotten=scanner_id in self._knowledge.forgotten)
        return not self._roll.is_a_persons(path)

    def _try_way(self, way: Way, known: Container[str] | None = None) -> None:
        if self._knowledge.standing(way.scanner.id).is_keyboard:
            self._leave_alone(way)
        else:
            self._try(way.node.path, lambda: open_way(way, self._keeping, known, self._knowledge.tuning))

    def _leave_alone(self, way: Way) -> None:
        path = way.node.path
        if path in self._roll:
            self._attendant.let_go(path, self._reader)
        else:
            self._roll.left_alone(way.scanner, path)
            self._tell(path, f"{way.scanner.id} is set to be a person's keyboard, and is left alone")

    def _take_note_of(self, census: Census) -> None:
        """Of what is plugged in and cannot be used as it is."""
        self._roll.not_opened(census)
        for way in (one for one in census.strangers if one.scanner.id not in self._knowledge):
            self._tell(way.node.path, f"is left alone: nothing says that {way.scanner.name} is a scanner")
        for way, mute in census.mutes:
            self._tell(way.node.path, f"{way.scanner.name} {mute.said}; {mute.do}")

    def _try(self, path: Path, opened: Callable[[], Source]) -> None:
        if path in self._roll or (self._only is not None and path not in self._only):
            return
        try:
            source = opened()
        except FileNotFoundError:
            self._in_trouble(path, "is not plugged in", "waiting for it")
        except PermissionError as error:
            self._in_trouble(path, f"cannot be opened: {error.strerror}", "trying again when it is allowed")
        except OSError as error:
            self._is_unwatched = True
            self._in_trouble(path, f"cannot be opened: {error.strerror}", "trying again")
        except CaptureRefused as error:
            self._in_trouble(path, f"cannot be used: {error}", "trying again")
        else:
            self._told.pop(path, None)
            self._roll.opened(source)
            self._attendant.opened(source)
            self._reader.adopt(source)
            scanner = source.scanner
            self._inbox.put(Note(logging.INFO, f"scanner opened: {scanner.id} ({scanner.name}) at {path}"))

    def _in_trouble(self, path: Path, sentence: str, then: str) -> None:
        self._roll.trouble(path, sentence)
        self._tell(path, f"{sentence}; {then}")

    def _tell(self, path: Path, trouble: str) -> None:
        """Log a trouble once, not every two seconds."""
        if self._told.get(path) != trouble:
            self._told[path] = trouble
            self._inbox.put(Note(logging.WARNING, f"scanner {path}: {trouble}"))
