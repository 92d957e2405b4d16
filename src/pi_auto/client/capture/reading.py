"""The reader's loop: events from every open scanner to its decoder, what comes out to the clerk.

The kernel keeps 64 events for a reader and throws all of them away when they overflow: a
reader that stalls for 20 ms loses keys. So this loop opens nothing, writes nothing to disk
or log, and waits for nobody. Others hand it opened scanners by `adopt`.
"""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Protocol

from pi_auto.client.capture.codes import Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.drafting import Drafter
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.judge import Judge, Verdict
from pi_auto.client.capture.sources import Source
from pi_auto.client.clock import Now, boottime_ns

_MOST_WAIT_MS = 3_600_000
_MS = 1_000_000


class Observer(Protocol):
    """Who wants to know what becomes of the scanners; may be told from any thread and does not wait."""

    def gone(self, path: Path) -> None:
        """A scanner has been unplugged."""

    def judged(self, path: Path, verdict: Verdict) -> None:
        """An unknown keyboard is a scanner, or was let go of as a person's."""


class Feed:
    """One open scanner with its decoder and its drafter."""

    def __init__(self, source: Source, inbox: Inbox, now: Now) -> None:
        self.source = source
        self._decoder = Decoder(opened_at=source.opened_at, held=source.held)
        self._drafter = Drafter(source.scanner, now)
        self._inbox = inbox
        self.judge = None if source.known else Judge()
        self._held_back: list[Outcome] = []  # until it is known whether a scanner typed them

    def pump(self) -> bool:
        """Read what there is; False if more waits already. OSError if the scanner has gone."""
        now = boottime_ns()  # told before reading: what is pressed later cannot have been read
        events, all_read = self.source.read(now)
        for event in events:
            self._post(self._decoder.feed(event))
            if self.judge:
                self.judge.feed(event)
        if all_read:
            self._post(self._decoder.close_overdue(now))
        return all_read

    def verdict(self) -> Verdict | None:
        """What a keyboard has turned out to be, once; a scanner's codes so far are then posted."""
        if self.judge is None or self.judge.verdict is Verdict.OPEN:
            return None
        verdict, self.judge = self.judge.verdict, None
        if verdict is Verdict.SCANNER:
            self._post(self._held_back)
        return verdict

    def next_moment(self) -> int | None:
        """When it must be pumped even if no event comes."""
        moments = [moment for moment in (self.source.due(), self._decoder.overdue_at()) if moment is not None]
        return min(moments, default=None)

    def cut_off(self, reason: str) -> None:
        """Report an open code as lost: its keys will not come any more."""
        self._post(self._decoder.cut_off(reason, boottime_ns()))

    def _post(self, outcomes: Iterable[Outcome]) -> None:
        if self.judge:
            self._held_back += outcomes
            return
        for outcome in outcomes:
            self._inbox.put(self._drafter.draft(outcome))


class Reader:
    """Reads all open scanners in one thread until `stop` (a descriptor) becomes readable."""

    def __init__(self, inbox: Inbox, now: Now, stop: int, lookout: Observer) -> None:
        self._inbox, self._now, self._stop, self._lookout = inbox, now, stop, lookout
        self._feeds: list[Feed] = []
        self._adopted: SimpleQueue[Source] = SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(stop, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def adopt(self, source: Source) -> None:
        """Hand an opened scanner to the loop, from any thread."""
        self._adopted.put(source)
        os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        """Read until told to stop; open codes are then reported as lost."""
        all_read = True
        while self._stop not in (ready := self._wait(all_read)):
            if self._wake in ready:
                self._take_adopted()
            unread = [feed for feed in self._feeds.copy() if not self._pump(feed)]
            all_read = not unread
        for feed in self._feeds.copy():
            feed.cut_off("capture was stopped in the middle of this code")
            self._drop(feed)

    def _wait(self, all_read: bool) -> set[int]:
        return {descriptor for descriptor, _ in self._poll.poll(self._patience() if all_read else 0)}

    def _patience(self) -> int | None:
        """Milliseconds until something must be done anyhow; None if never."""
        moments = [moment for feed in self._feeds if (moment := feed.next_moment()) is not None]
        if not moments:
            return None
        return min(max(-((boottime_ns() - min(moments)) // _MS), 0), _MOST_WAIT_MS)

    def _take_adopted(self) -> None:
        os.eventfd_read(self._wake)
        with suppress(Empty):
            while True:
                source = self._adopted.get_nowait()
                self._feeds.append(Feed(source, self._inbox, self._now))
                if (descriptor := source.fileno()) is not None:
                    self._poll.register(descriptor, select.POLLIN)

    def _pump(self, feed: Feed) -> bool:
        try:
            all_read = feed.pump()
        except OSError as error:  # ENODEV: unplugged
            feed.cut_off("the scanner was unplugged in the middle of this code")
            scanner, path = feed.source.scanner.id, feed.source.path
            self._inbox.put(Note(logging.WARNING, f"scanner gone: {scanner} at {path}: {error.strerror}"))
            self._drop(feed)
            self._lookout.gone(path)
            return True
        if verdict := feed.verdict():
            self._lookout.judged(feed.source.path, verdict)
            if verdict is Verdict.PERSON:
                self._drop(feed)  # which ends the grab
        return all_read

    def _drop(self, feed: Feed) -> None:
        self._feeds.remove(feed)
        if (descriptor := feed.source.fileno()) is not None:
            self._poll.unregister(descriptor)
        feed.source.close()
