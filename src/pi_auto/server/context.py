"""Everything a request needs, in one place: settings, books, writer, changes, hub, clock.

A context is made once in the process that answers requests. In the full server that is the
worker, before its first request; in somebody else's Flask app the first request makes it,
since such an app may fork after the blueprint was registered.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flask import Flask, current_app
from sqlalchemy.exc import DatabaseError

from pi_auto.server.fleet.pace import set_usual
from pi_auto.server.latest import Latest
from pi_auto.server.links.azure.settings import AzureSettings
from pi_auto.server.links.base import HubFailed, Link
from pi_auto.server.releases.seats import Downloads, Quota, Seats
from pi_auto.server.settings import Settings
from pi_auto.server.store.changes import Changes
from pi_auto.server.store.engine import Store, StoreError, open_store, unusable
from pi_auto.server.store.writer import Writer
from pi_auto.server.trust.fleet import Fleet, open_fleet
from pi_auto.server.trust.own_names import own_names
from pi_auto.server.trust.renewal import Renewal

EXTENSION = "pi_auto"
Clock = Callable[[], datetime]
_REFUSED_FOR = 5.0  # seconds


def now_utc() -> datetime:
    """The server's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """One running server. `link` is None where the hub is off; `fleet` where trust is.

    `renewal` replaces the fleet's certificate where a server of ours shows it. `stopping` is set
    when streams should end.
    """

    settings: Settings
    store: Store
    writer: Writer
    changes: Changes
    link: Link | None = None
    clock: Clock = now_utc
    fleet: Fleet | None = None
    renewal: Renewal | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    downloads: Downloads = field(default_factory=Downloads)
    _latest: Latest = field(default_factory=Latest)

    def latest(self) -> datetime:
        """The latest moment by the clock, which may have been put back since (latest.py)."""
        return self._latest.of(self.clock())

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

    Raises StoreError, TrustError or HubFailed with a sentence for the operator.
    """
    with ExitStack() as opened:
        store = open_store(settings.data)
        opened.callback(store.close)
        fleet, writer = _begin(settings, clock, store)
        opened.callback(writer.close)
        writer.submit(lambda books: set_usual(books, settings.heartbeat_interval))
        changes = Changes(writer.newest_at_start)
        writer.on_commit(changes.publish)
        link = _start_link(settings, store, writer, fleet)
        opened.pop_all()  # it has all been opened: `Context.close` closes it
    downloads = Downloads(Seats(settings.downloads), Quota(settings.download_quota))
    return Context(settings, store, writer, changes, link, clock, fleet, downloads=downloads)


def _begin(settings: Settings, clock: Clock, store: Store) -> tuple[Fleet | None, Writer]:
    """What reads the books first. Raises StoreError, also where a page of them is damaged: that shows now."""
    try:
        return _open_fleet(settings, clock), Writer(store)
    except DatabaseError as error:
        raise unusable(store.path, error) from error


class _Process:
    """What LazyContexts have opened in this process, and what they were refused lately."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.opened: dict[Settings, Context] = {}
        self.refused: dict[Settings, tuple[float, StoreError | HubFailed]] = {}
        self._parents: list[dict[Settings, Context]] = []

    def forked(self) -> None:
        """In a child: what the parent has is neither used, closed nor let go, which would close its files."""
        self._parents.append(self.opened)
        self.lock, self.opened, self.refused = threading.Lock(), {}, {}


_here = _Process()
os.register_at_fork(after_in_child=_here.forked)


class LazyContext:
    """Opens the context when it is first needed and closes it when the process ends.

    Apps of one process with the same settings share one. A process that was forked from one
    with a context has to open its own; since the parent holds the data folder, that is a
    StoreError with a sentence for the operator.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get(self) -> Context:
        """The context of this process. Raises StoreError or HubFailed, for some seconds without trying anew."""
        return _here.opened.get(self._settings) or self._open()

    def close(self) -> None:
        """Close it, for all apps that share it, if it was ever opened here."""
        with _here.lock:
            context = _here.opened.pop(self._settings, None)
        if context:
            atexit.unregister(self.close)
            context.close()

    def _open(self) -> Context:
        with _here.lock:
            if self._settings not in _here.opened:
                self._refuse_again()
                try:
                    _here.opened[self._settings] = open_context(self._settings)
                except (StoreError, HubFailed) as error:
                    _here.refused[self._settings] = (time.monotonic() + _REFUSED_FOR, error)
                    raise
                atexit.register(self.close)
            return _here.opened[self._settings]

    def _refuse_again(self) -> None:
        """A folder in use is waited for; requests that come meanwhile are not to stand in line for that."""
        if self._settings in _here.refused:
            until, error = _here.refused[self._settings]
            if time.monotonic() < until:
                raise type(error)(str(error))


def current() -> Context:
    """The context of the Flask app that handles this request."""
    return context_of(current_app)


def context_of(app: Flask) -> Context:
    """The context of an app that `pi_api` was registered on."""
    held: Context | LazyContext = app.extensions[EXTENSION]
    return held.get() if isinstance(held, LazyContext) else held


def _open_fleet(settings: Settings, clock: Clock) -> Fleet | None:
    if not settings.trust:
        return None
    return open_fleet(settings.data, settings.key_file, settings.names, clock(), own_names(settings))


def _start_link(settings: Settings, store: Store, writer: Writer, fleet: Fleet | None) -> Link | None:
    if settings.azure:
        return _azure_link(settings.azure, store, writer)
    if settings.hub_mqtt is None:
        return None
    from pi_auto.server.links.local import LocalLink  # noqa: PLC0415 - only where a local hub is wanted

    return LocalLink.start(settings, store, writer, fleet)


def _azure_link(settings: AzureSettings, store: Store, writer: Writer) -> Link:
    try:
        from pi_auto.server.links.azure.link import AzureLink  # noqa: PLC0415 - only where the hub is there
    except ImportError as error:
        raise HubFailed(f"a hub at Azure needs {error.name}: pip install 'pi-auto[azure]'") from None

    return AzureLink.start(settings, store, writer)
