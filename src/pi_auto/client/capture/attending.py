"""Acts on what the reader has noticed about scanners: what becomes known, what is kept, how each is read.

For the lookout alone, but for `note`, which any thread may call and which does not wait.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.judge import Verdict
from pi_auto.client.capture.keeping import Keeping
from pi_auto.client.capture.learning.knowledge import Knowledge
from pi_auto.client.capture.notices import Calibrated, Gone, Judged, Notice, Read
from pi_auto.client.capture.roll import Roll
from pi_auto.client.capture.sources.keyboard import KeyboardSource
from pi_auto.client.capture.sources.source import Source
from pi_auto.client.capture.tuning import Tuning
from pi_auto.typed import Protocol


class Reads(Protocol):
    """Who reads what is opened; all of it may be called from any thread."""

    def adopt(self, source: Source) -> None:
        """Read it from now on."""

    def retune(self, path: Path, tuning: Tuning) -> None:
        """Read its keys in another way."""

    def let_go(self, path: Path) -> None:
        """Close it, and tell that it has gone."""


class Attendant:
    """Between the reader and what is known: `roll`, `knowledge`, and what systemd is `keeping`."""

    def __init__(self, inbox: Inbox, knowledge: Knowledge, roll: Roll, keeping: Keeping | None) -> None:
        self._inbox, self._knowledge, self._roll, self._keeping = inbox, knowledge, roll, keeping
        self._notices: SimpleQueue[Notice] = SimpleQueue()
        self._tunings: dict[Path, Tuning] = {}
        self._known: set[Path] = set()  # open, and read without being judged since it is known what they are
        self._leaving: set[Path] = set()  # ordered to be closed

    def note(self, notice: Notice) -> None:
        """Leave a notice, to be acted on by `attend`."""
        self._notices.put(notice)

    def opened(self, source: Source) -> None:
        """A source was opened, and is read as it says."""
        self._leaving.discard(source.path)
        if isinstance(source, KeyboardSource):
            self._tunings[source.path] = source.tuning

    def let_go(self, path: Path, reader: Reads) -> None:
        """Have an open scanner closed for good; once that is done it is noticed as gone."""
        if path in self._leaving:
            return  # its descriptor may be another's by now
        self._leaving.add(path)
        for source in self._roll.sources():
            if source.path == path and self._keeping and (descriptor := source.fileno()) is not None:
                with suppress(OSError):  # unplugged just now
                    self._keeping.forget(descriptor)  # else systemd would go on holding its grab
        reader.let_go(path)

    def reopen(self, ways: Iterable[Path], reader: Reads) -> None:
        """Close what is read as something else than it is known for by now: the next look opens it anew.

        It was known for a scanner, and is to be judged again; or it is to be judged no more. `ways` are those to
        devices that do not say themselves that they are scanners.
        """
        opened = {source.path: source.scanner.id for source in self._roll.sources()}
        for path in [each for each in ways if each in opened]:
            standing = self._knowledge.standing(opened[path])
            if standing.is_scanner and not self._roll.is_unjudged(path):
                self._known.add(path)
            elif standing.is_scanner or (path in self._known and not standing.is_keyboard):
                self._known.discard(path)
                said = "a scanner" if standing.is_scanner else "to be judged anew"
                self._say(logging.INFO, f"scanner {path}: {opened[path]} is {said} from now on")
                self.let_go(path, reader)

    def attend(self) -> None:
        """Act on all notices."""
        notices: list[Notice] = []
        while not self._notices.empty():
            notices.append(self._notices.get())
        # What has gone comes last, to be known while others speak of it; but its descriptor is closed already.
        gone = {notice.path for notice in notices if isinstance(notice, Gone)}
        for notice in sorted(notices, key=lambda notice: isinstance(notice, Gone)):
            self._act_on(notice, is_gone=notice.path in gone)

    def retune(self, reader: Reads) -> None:
        """Have those read anew of which something else is known by now, and tell what holds."""
        typing = [source for source in self._roll.sources() if source.path in self._tunings]
        for source in typing:
            tuning = self._knowledge.tuning(source.scanner.id)
            told, self._tunings[source.path] = self._tunings[source.path], tuning
            if (told.layout, told.calibratable) != (tuning.layout, tuning.calibratable):
                reader.retune(source.path, tuning)
        self._roll.post({source.path: self._knowledge.standing(source.scanner.id) for source in typing})

    def _act_on(self, notice: Notice, *, is_gone: bool) -> None:
        match notice:
            case Gone(path):
                self._roll.gone(path)
                self._tunings.pop(path, None)
                self._known.discard(path)
                self._leaving.discard(path)
            case Judged(path, verdict):
                self._take_verdict(path, verdict, is_gone=is_gone)
            case Calibrated(path, layout):
                self._learn(path, lambda scanner_id: self._knowledge.calibrated(scanner_id, layout))
                self._say(logging.INFO, f"scanner {path}: calibrated, its layout is {layout}")
            case Read(path, habits, codes):
                self._learn(path, lambda scanner_id: self._knowledge.has_read(scanner_id, codes, habits))

    def _learn(self, path: Path, learn: Callable[[str], None]) -> None:
        for source in self._roll.sources():
            if source.path == path:
                learn(source.scanner.id)

    def _take_verdict(self, path: Path, verdict: Verdict, *, is_gone: bool) -> None:
        source = self._roll.judged(path, verdict)
        if source is None:
            return  # unplugged since
        if verdict is Verdict.PERSON:
            said = f"scanner {path}: {source.scanner.id} is a person's keyboard, and is left alone"
            self._say(logging.WARNING, said)
            return
        self._say(logging.INFO, f"scanner learned by its rhythm: {source.scanner.id}")
        self._knowledge.judged_a_scanner(source.scanner.id)
        self._known.add(path)
        if self._keeping and not is_gone and (descriptor := source.fileno()) is not None:
            with suppress(OSError):  # unplugged just now
                self._keeping.keep(descriptor)

    def _say(self, level: int, words: str) -> None:
        self._inbox.put(Note(level, words))
