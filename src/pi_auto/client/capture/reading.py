"""The reader's loop: parts from every open scanner to its decoder, what comes out to the clerk.

The kernel keeps 64 events for a reader and throws all of them away when they overflow: a
reader that stalls for 20 ms loses keys. So this loop opens nothing, writes nothing to disk
or log, and waits for nobody. Others hand it opened scanners by `adopt`.
"""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from pi_auto.client.capture.desk import Desk
from pi_auto.client.capture.diverting import SecretCode
from pi_auto.client.capture.drafting import Drafter
from pi_auto.client.capture.feed import Feed
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.judge import Verdict
from pi_auto.client.capture.notices import Gone, Judged, Observer
from pi_auto.client.capture.sources.source import Source
from pi_auto.client.capture.tuning import Tuning
from pi_auto.client.clock import Now, boottime_ns
from pi_auto.client.stopping import is_told_to_stop
from pi_auto.typed import Any

_MOST_WAIT_MS = 3_600_000
_MS = 1_000_000
# Given what must be remembered, and what to call if somebody else has read something; whether he reads on.
Relief = Callable[[dict[str, Any], Callable[[], None]], bool]


class Reader:
    """Reads all open scanners in one thread until `stop` (a descriptor) becomes readable.

    Codes with secrets go to `secret`, which must not wait, and nowhere else.
    """

    def __init__(
        self,
        inbox: Inbox,
        now: Now,
        stop: int,
        lookout: Observer,
        secret: Callable[[SecretCode], None] = lambda _: None,
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        """`asked` is called, and must not wait, when the process is told to have another one read on."""
        self._inbox, self._now, self._stop, self._lookout, self._secret = inbox, now, stop, lookout, secret
        self._asked = asked
        self._relief: Relief | None = None
        self._feeds: list[Feed] = []
        self._desks: dict[str, Desk] = {}
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(stop, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def adopt(self, source: Source) -> None:
        """Hand an opened scanner to the loop, from any thread."""
        self._order(lambda: self._take(source))

    def retune(self, path: Path, tuning: Tuning) -> None:
        """Have the keys of an open scanner read in another way, from its next code on; from any thread."""
        self._order(lambda: self._retune(path, tuning))

    def let_go(self, path: Path) -> None:
        """Close a scanner that is to be left alone; from any thread. It is told as gone once that is done."""
        self._order(lambda: self._let_go(path))

    def relieve(self, relief: Relief | None) -> None:
        """Have `relief` asked between two codes whether somebody else reads on; from any thread."""
        self._order(lambda: setattr(self, "_relief", relief))

    def recall(self, memory: dict[str, Any]) -> None:
        """Read on from where another process has stopped; before `run`. KeyError for what that did not read."""
        self.obey()
        for feed in self._feeds:
            feed.recall(memory["nodes"][str(feed.source.path)])
        for name, desk in self._desks.items():
            desk.recall(memory["desks"][name])

    def run(self) -> bool:
        """Read until told to stop; open codes are then reported as lost. Or until somebody else reads on: True."""
        all_read = True
        while self._stop not in (ready := self._wait(all_read)) or not is_told_to_stop(self._stop, self._asked):
            if self._wake in ready:
                self.obey()
            unread = [feed for feed in self._feeds.copy() if not self._pump(feed)]
            all_read = not unread
            if self._relief and all_read and self._is_relieved(self._relief):
                return True
        for feed in self._feeds.copy():
            feed.cut_off("capture was stopped in the middle of this code")
            self._drop(feed)
        return False

    def _wait(self, all_read: bool) -> set[int]:
        return {descriptor for descriptor, _ in self._poll.poll(self._patience() if all_read else 0)}

    def _patience(self) -> int | None:
        """Milliseconds until something must be done anyhow; None if never."""
        moments = [moment for feed in self._feeds if (moment := feed.next_moment()) is not None]
        if not moments:
            return None
        return min(max(-((boottime_ns() - min(moments)) // _MS), 0), _MOST_WAIT_MS)

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.put(order)
        os.eventfd_write(self._wake, 1)

    def _is_relieved(self, relief: Relief) -> bool:
        if not all(feed.is_at_rest for feed in self._feeds):
            return False
        nodes = {str(feed.source.path): feed.memory() for feed in self._feeds}
        desks = {name: desk.memory() for name, desk in self._desks.items()}
        self._relief = None
        return relief({"nodes": nodes, "desks": desks}, self._guard)

    def _guard(self) -> None:
        """Somebody else has read until now."""
        for feed in self._feeds:
            feed.guard()

    def obey(self) -> None:
        """Do what was ordered; in the thread that reads."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        with suppress(Empty):
            while True:
                self._orders.get_nowait()()

    def _take(self, source: Source) -> None:
        self._feeds.append(Feed(source, self._inbox, self._desk_of(source), self._lookout, self._secret))
        if (descriptor := source.fileno()) is not None:
            self._poll.register(descriptor, select.POLLIN)

    def _retune(self, path: Path, tuning: Tuning) -> None:
        for feed in self._feeds:
            if feed.source.path == path:
                feed.retune(tuning)

    def _let_go(self, path: Path) -> None:
        for feed in [each for each in self._feeds if each.source.path == path]:
            feed.cut_off("the scanner was set to be left alone in the middle of this code")
            self._drop(feed)
            self._lookout.note(Gone(path))

    def _pump(self, feed: Feed) -> bool:
        try:
            all_read = feed.pump()
        except OSError as error:  # ENODEV: unplugged
            feed.cut_off("the scanner was unplugged in the middle of this code")
            scanner, path = feed.source.scanner.id, feed.source.path
            self._inbox.put(Note(logging.WARNING, f"scanner gone: {scanner} at {path}: {error.strerror}"))
            self._drop(feed)
            self._lookout.note(Gone(path))
            return True
        if verdict := feed.verdict():
            self._lookout.note(Judged(feed.source.path, verdict))
            if verdict is Verdict.PERSON:
                self._drop(feed)  # which ends the grab
        return all_read

    def _desk_of(self, source: Source) -> Desk:
        scanner = source.scanner
        return self._desks.setdefault(scanner.id, Desk(Drafter(scanner, self._now)))

    def _drop(self, feed: Feed) -> None:
        self._feeds.remove(feed)
        if all(each.source.scanner.id != feed.source.scanner.id for each in self._feeds):
            del self._desks[feed.source.scanner.id]
        if (descriptor := feed.source.fileno()) is not None:
            self._poll.unregister(descriptor)
        feed.source.close()
