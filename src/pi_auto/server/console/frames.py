"""A frame: what a page must replace to be as new as the books, as JSON. Each is made once, whoever watches.

Fragments replace elements by id, so a frame that tells more than a page lacks does no harm:
fifty pages that wake for the same change share one look at the books.
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
    """Makes frames, and gives the last ones to whoever they serve; filtered pages have each their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[Frame] = deque(maxlen=_KEPT)

    def frame(self, context: Context, wanted: PageFilter, seen: Seen) -> Frame:
        """The frame that brings a page from `seen` to now."""
        newest = Seen(context.changes.newest(), milliseconds(context.clock()))
        if seen.after > newest.after:
            return Frame(seen, newest, _body(Content([], [], []), newest, reload=True), reload=True)
        if wanted != PLAIN:
            return _make(context, wanted, seen)
        with self._lock:
            for frame in reversed(self._recent):
                if frame.serves(seen, newest):
                    return frame
            frame = _make(context, wanted, seen)
            self._recent.append(frame)
            return frame


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
