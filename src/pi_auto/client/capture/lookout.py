"""Finds scanners, opens them, hands them to the reader, and looks again when one has gone.

A thread of its own, since opening a USB keyboard takes the kernel 50 ms, in which the reader
would lose keys of another scanner.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pi_auto.client.capture.decoder import GUARD
from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.scanners import find_scanners
from pi_auto.client.capture.sources import DeviceSource, Source

_LOOK_SECONDS = 2.0


class Lookout(threading.Thread):
    """Keeps `device` open, or with None every scanner that is plugged in."""

    def __init__(self, device: Path | None, inbox: Inbox) -> None:
        super().__init__(name="lookout", daemon=True)
        self._device, self._inbox = device, inbox
        self._open: set[Path] = set()
        self._adopt: Callable[[Source], None] = Source.close
        self._ready: Callable[[], None] = lambda: None
        self._again = threading.Event()
        self._told: dict[Path, str] = {}

    def begin(self, adopt: Callable[[Source], None], ready: Callable[[], None]) -> None:
        """Start looking; whatever is opened goes to `adopt`.

        `ready` is called once, when a code typed into what is plugged in at the start is sure to be read whole.
        """
        self._adopt, self._ready = adopt, ready
        self.start()

    def gone(self, path: Path) -> None:
        """Take note, from any thread and without waiting, that a scanner has gone."""
        self._open.discard(path)
        self._again.set()

    def run(self) -> None:
        """Look for ever; a daemon thread."""
        if self._device is None and not find_scanners():
            self._tell(Path("auto"), "no scanner found yet; looking for one")
        self._look()
        if self._open:
            time.sleep(GUARD / 1e9)  # what is typed sooner is taken for the rest of a code
        self._ready()
        while True:
            content = self._device in self._open  # a second scanner may come only where all are wanted
            self._again.wait(None if content else _LOOK_SECONDS)
            self._again.clear()
            self._look()

    def _look(self) -> None:
        for path in self._wanted():
            self._try(path)

    def _wanted(self) -> list[Path]:
        every = [self._device] if self._device else [found.path for found in find_scanners()]
        return [path for path in every if path not in self._open]

    def _try(self, path: Path) -> None:
        try:
            source = DeviceSource(path)
        except FileNotFoundError:
            self._tell(path, "is not plugged in; waiting for it")
        except OSError as error:
            self._tell(path, f"cannot be opened ({error.strerror}); trying again")
        except CaptureRefused as error:
            self._tell(path, f"cannot be used; trying again: {error}")
        else:
            self._told.pop(path, None)
            self._open.add(path)
            self._adopt(source)
            scanner = source.scanner
            self._inbox.put(Note(logging.INFO, f"scanner opened: {scanner.id} ({scanner.name}) at {path}"))

    def _tell(self, path: Path, trouble: str) -> None:
        """Log a trouble once, not every two seconds."""
        if self._told.get(path) != trouble:
            self._told[path] = trouble
            self._inbox.put(Note(logging.WARNING, f"scanner {path}: {trouble}"))
