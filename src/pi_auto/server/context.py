"""Everything a request needs, in one place: settings, books, writer, changes, hub, clock.

A context is made once in the process that answers requests. In the full server that is the
worker, before its first request; in somebody else's Flask app the first request makes it,
since such an app may fork after the blueprint was registered.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flask import current_app

from pi_auto.server.links.base import Link
from pi_auto.server.settings import Settings
from pi_auto.server.store.changes import Changes
from pi_auto.server.store.engine import Store, open_store
from pi_auto.server.store.writer import Writer

EXTENSION = "pi_auto"
Clock = Callable[[], datetime]


def now_utc() -> datetime:
    """The server's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """One running server. `link` is None where the hub is off; `stopping` is set when streams should end."""

    settings: Settings
    store: Store
    writer: Writer
    changes: Changes
    link: Link | None = None
    clock: Clock = now_utc
    stopping: threading.Event = field(default_factory=threading.Event)

    def stop_streams(self) -> None:
        """End every stream that is being sent, so that the server can stop."""
        self.stopping.set()
        self.changes.stop()

    def close(self) -> None:
        """Stop in order: streams, hub, writer, books. What was committed stays, whether this runs or not."""
        self.stop_streams()
        if self.link:
            self.link.close()
        self.writer.close()
        self.store.close()


def open_context(settings: Settings, clock: Clock = now_utc) -> Context:
    """Open the books, start the writer and, where one is wanted, the hub.

    Raises StoreError or HubFailed with a sentence for the operator.
    """
    store = open_store(settings.data)
    try:
        writer = Writer(store)
    except BaseException:
        store.close()
        raise
    changes = Changes(writer.newest_at_start)
    writer.on_commit(changes.publish)
    try:
        link = _start_link(settings, store, writer)
    except BaseException:
        writer.close()
        store.close()
        raise
    return Context(settings, store, writer, changes, link, clock)


class LazyContext:
    """Opens the context when it is first needed, once, and closes it when the process ends."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._context: Context | None = None

    def get(self) -> Context:
        """The context of this process."""
        with self._lock:
            if self._context is None:
                self._context = open_context(self._settings)
                atexit.register(self.close)
            return self._context

    def close(self) -> None:
        """Close it, if it was ever opened."""
        with self._lock:
            context, self._context = self._context, None
        if context:
            atexit.unregister(self.close)
            context.close()


def current() -> Context:
    """The context of the Flask app that handles this request."""
    held: Context | LazyContext = current_app.extensions[EXTENSION]
    return held.get() if isinstance(held, LazyContext) else held


def _start_link(settings: Settings, store: Store, writer: Writer) -> Link | None:
    if settings.hub_mqtt is None:
        return None
    from pi_auto.server.links.local import LocalLink  # noqa: PLC0415 - only where a local hub is wanted

    return LocalLink.start(settings, store, writer)
