"""Finds scanners, opens them, hands them to the reader, and looks again when one has gone.

A keyboard that may be a scanner is opened too, and grabbed until the reader has judged it; a
person's is then left alone until it is plugged in again.

It waits for the kernel's word that something was plugged in; it looks unasked only where none will come.
A thread of its own, since opening a USB keyboard takes the kernel 50 ms, in which the reader
would lose keys of another scanner. It tells on the bulletin what is open, and what cannot be.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.finding.census import Census, look_around
from pi_auto.client.capture.finding.nodes import DEVICES
from pi_auto.client.capture.guarding import GUARD
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.judge import Verdict
from pi_auto.client.capture.keeping import Keeping
from pi_auto.client.capture.learned import Learned
from pi_auto.client.capture.plugging import Plugging
from pi_auto.client.capture.roll import Roll
from pi_auto.client.capture.sources.opening import open_named, open_way
from pi_auto.client.capture.sources.source import Source
from pi_auto.client.clock import clock_synced

_LOOK_SECONDS = 2.0
_log = logging.getLogger("pi_auto.capture")


class Lookout(threading.Thread):
    """Keeps `device` open, or with None every scanner that is plugged in; `died` is called if it cannot go on."""

    def __init__(
        self,
        device: Path | None,
        inbox: Inbox,
        died: Callable[[], None],
        learned: Learned,
        roll: Roll,
        keeping: Keeping | None = None,
    ) -> None:
        super().__init__(name="lookout", daemon=True)
        self._device, self._inbox, self._died = device, inbox, died
        self._learned, self._roll, self._keeping = learned, roll, keeping
        self._notices: SimpleQueue[tuple[Path, Verdict | None]] = SimpleQueue()
        self.failure: Exception | None = None
        self._adopt: Callable[[Source], None] = Source.close
        self._ready: Callable[[], None] = lambda: None
        self._plugging = Plugging(DEVICES, device)
        self._is_unwatched = False  # something is waited for of which the kernel will not tell
        self._told: dict[Path, str] = {}

    def begin(self, adopt: Callable[[Source], None], ready: Callable[[], None]) -> None:
        """Start looking; whatever is opened goes to `adopt`.

        `ready` is called once, when a code typed into what is plugged in at the start is sure to be read whole.
        """
        self._adopt, self._ready = adopt, ready
        self.start()

    def gone(self, path: Path) -> None:
        """Take note, from any thread and without waiting, that a scanner has gone."""
        self._notices.put((path, None))
        self._plugging.ring()

    def judged(self, path: Path, verdict: Verdict) -> None:
        """Take note, in the same way, of what an unknown keyboard is."""
        self._notices.put((path, verdict))
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

    def _patience(self) -> float | None:
        """Seconds until it must look unasked; None if the kernel will tell."""
        if self._device in self._roll:
            return None  # a second scanner may come only where all are wanted
        return _LOOK_SECONDS if self._is_unwatched or not self._plugging.covers(self._device) else None

    def _look(self) -> None:
        self._take_notices()
        self._roll.begin_look()
        self._is_unwatched = False
        self._try_all()
        self._roll.post()

    def _try_all(self) -> None:
        if device := self._device:
            self._try(device, lambda: open_named(device, self._keeping))
            return
        census = look_around()
        for way in census.scanners:
            self._try(way.node.path, lambda way=way: open_way(way, self._keeping))  # type: ignore[misc]
        for way in census.keyboards:
            if not self._roll.is_a_persons(way.node.path):
                self._try(way.node.path, lambda way=way: open_way(way, self._keeping, self._learned))  # type: ignore[misc]
        self._take_note_of(census)

    def _take_note_of(self, census: Census) -> None:
        """Of what is plugged in and cannot be used as it is."""
        self._roll.not_opened(census)
        for way in census.strangers:
            self._tell(way.node.path, f"is left alone: nothing says that {way.scanner.name} is a scanner")
        for way, mute in census.mutes:
            self._tell(way.node.path, f"{way.scanner.name} {mute.said}; {mute.do}")

    def _take_notices(self) -> None:
        notices: list[tuple[Path, Verdict | None]] = []
        while not self._notices.empty():
            notices.append(self._notices.get())
        for path, verdict in notices:
            if verdict is None:  # first: the descriptor of what has gone is closed, and not to be kept any more
                self._roll.gone(path)
        for path, verdict in notices:
            if verdict is not None:
                self._act_on(path, verdict)

    def _act_on(self, path: Path, verdict: Verdict) -> None:
        source = self._roll.judged(path, verdict)
        if source is None:
            return  # unplugged since
        if verdict is Verdict.PERSON:
            self._tell(path, f"{source.scanner.id} is a person's keyboard, and is left alone")
            return
        self._inbox.put(Note(logging.INFO, f"scanner learned by its rhythm: {source.scanner.id}"))
        if self._keeping and (descriptor := source.fileno()) is not None:
            with suppress(OSError):  # unplugged just now
                self._keeping.keep(descriptor)
        try:
            self._learned.add(source.scanner.id)
        except OSError as error:
            self._tell(path, f"is known only until the next start: {error.strerror}")

    def _try(self, path: Path, opened: Callable[[], Source]) -> None:
        if path in self._roll:
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
            self._adopt(source)
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
