"""The live stream: waits for changes, sends frames, and says something every ten seconds.

Between two looks at the books it holds a thread and nothing else. The regular word is a
frame of its own, not a comment: a page cannot hear comments, and must know when its stream
has died. It also carries what time alone has changed, a device gone late. As often it is asked
whether the reader's session or token is still good.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

from sqlalchemy.exc import SQLAlchemyError

from pi_auto.server.console.content import Seen
from pi_auto.server.console.frames import Press
from pi_auto.server.console.queries import PageFilter
from pi_auto.server.context import Context

MOST_STREAMS = 100  # each holds one of the server's 224 threads; the rest answer devices
PAUSE = 0.1  # seconds from one frame to the next, at least
WORD = 10.0  # seconds until something is said in any case
_RETRY = b"retry: 1000\n\n"  # milliseconds until the browser comes back
_log = logging.getLogger(__name__)


class Seats:
    """How many streams there may be at once."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self.most = most
        self._free = threading.BoundedSemaphore(most)

    def take(self) -> Callable[[], None] | None:
        """A seat, as the function that gives it back (once, however often it is called); None if all are taken."""
        if not self._free.acquire(blocking=False):
            return None
        held = threading.Lock()

        def leave() -> None:
            if held.acquire(blocking=False):
                self._free.release()

        return leave


def stream(
    context: Context, press: Press, wanted: PageFilter, seen: Seen, is_let_in: Callable[[], bool]
) -> Iterator[bytes]:
    """Events, until the server stops, the reader leaves or is let in no more, or the page must be loaded anew."""
    yield _RETRY
    spoken, looked = float("-inf"), time.monotonic()
    while not context.stopping.is_set():
        try:
            if time.monotonic() - looked >= WORD:
                looked = time.monotonic()
                if not is_let_in():
                    return
            frame = press.frame(context, wanted, seen)
        except SQLAlchemyError as error:
            _log.warning("a live page was let go, it will come back: %s", error)
            return
        seen = frame.end
        if not frame.empty or time.monotonic() - spoken >= WORD:
            yield frame.event()
            spoken = time.monotonic()
        if frame.reload or context.stopping.wait(PAUSE):
            return
        context.changes.wait_beyond(seen.after, WORD)
