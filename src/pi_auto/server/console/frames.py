"""A frame: what a page must replace to be as new as the books, as JSON. Each is made once, whoever watches.

Fragments replace elements by id, so a frame that tells more than a page lacks does no harm:
fifty pages that wake for the same change share one look at the books. Devices of one status are looked
for among all there are, so that is done every five seconds at most, however many look and whatever changes.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass

from pi_auto.server.console.content import Content, Seen, milliseconds, read_content
from pi_auto.server.console.markup import fragment
from pi_auto.server.console.queries import PLAIN, PageFilter
from pi_auto.server.context import Context

_KEPT = 8
_GOOD_FOR = 1000  # milliseconds
_SEARCHED_EVERY = 5000
_MOST_TRAYS = 128


@dataclass(frozen=True, slots=True)
class Frame:
    """Brings a page from `begin`, or anywhere between, to `end`. `empty` if nothing on it changes.

    `reload` where the page shows other books than these: a server was restored from a backup.
    """

    begin: Seen
    end: Seen
    body: str
    empty: bool = False
    reload: bool = False

    def event(self) -> bytes:
        """The frame as a server-sent event; the browser names its id when it comes back."""
        return f"id: {self.end.after}\ndata: {self.body}\n\n".encode()

    def serves(self, seen: Seen, newest: Seen) -> bool:
        """Whether it brings a page that shows `seen` to `newest`, give or take a second of presence."""
        return (
            self.begin.after <= seen.after
            and self.end.after >= newest.after
            and (self.begin.at is None or (seen.at is not None and self.begin.at <= seen.at))
            and 0 <= (newest.at or 0) - (self.end.at or 0) <= _GOOD_FOR
        )


class Press:
    """Makes frames, and gives the last ones to whoever they serve; other filters have each their own."""

    def __init__(self) -> None:
        self._plain = _Tray()
        self._of_status: dict[PageFilter, _Tray] = {}
        self._lock = threading.Lock()

    def frame(self, context: Context, wanted: PageFilter, seen: Seen) -> Frame:
        """The frame that brings a page from `seen` to now; to seconds ago, where the whole fleet is searched."""
        newest = Seen(context.changes.newest(), milliseconds(context.clock()))
        if seen.after > newest.after:
            return Frame(seen, newest, _body(Content([], [], []), newest, reload=True), reload=True)
        if wanted == PLAIN:
            with self._plain.lock:
                return self._plain.served(seen, newest) or self._plain.add(_make(context, wanted, seen))
        if wanted.presence is not None:
            return _searched(self._tray_of(wanted), context, wanted, seen, newest)
        return _make(context, wanted, seen)

    def _tray_of(self, wanted: PageFilter) -> _Tray:
        """That of a filter by status; the oldest make room."""
        with self._lock:
            tray = self._of_status.setdefault(wanted, _Tray())
            while len(self._of_status) > _MOST_TRAYS:
                self._of_status.pop(next(iter(self._of_status)))
            return tray


class _Tray:
    """The last frames of one filter; for whoever holds its lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._recent: deque[Frame] = deque(maxlen=_KEPT)

    def newest(self) -> Seen | None:
        """Up to when the last one goes."""
        return self._recent[-1].end if self._recent else None

    def served(self, seen: Seen, newest: Seen) -> Frame | None:
        """One that brings a page from `seen` to `newest`."""
        return next((frame for frame in reversed(self._recent) if frame.serves(seen, newest)), None)

    def add(self, frame: Frame) -> Frame:
        """Keep it."""
        self._recent.append(frame)
        return frame


def _searched(tray: _Tray, context: Context, wanted: PageFilter, seen: Seen, newest: Seen) -> Frame:
    """A frame of the last search, or of a new one if that was long enough ago."""
    with tray.lock:
        last = tray.newest()
        if last and 0 <= (newest.at or 0) - (last.at or 0) < _SEARCHED_EVERY:
            if seen.after >= last.after and (seen.at or 0) >= (last.at or 0):
                return Frame(seen, seen, _body(Content([], [], []), seen), empty=True)
            newest = last
        return tray.served(seen, newest) or tray.add(_make(context, wanted, seen))


def _make(context: Context, wanted: PageFilter, seen: Seen) -> Frame:
    now = context.clock()
    end = Seen(context.changes.newest(), milliseconds(now))  # before the look: what comes later is told again
    with context.store.engine.connect() as connection:
        content = read_content(connection, wanted, seen, now, context.settings.heartbeat_interval)
    return Frame(seen, end, _body(content, end), empty=not content)


def _body(content: Content, end: Seen, *, reload: bool = False) -> str:
    lists = {name: getattr(content, name) for name in ("scans", "devices", "incidents")}
    fragments = {name: [fragment(view) for view in views] for name, views in lists.items()}
    about = {"after": end.after, "at": end.at, "reload": reload, "only": content.only}
    return json.dumps(about | fragments, separators=(",", ":"))
