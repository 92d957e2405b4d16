"""Follows the hub's event stream and books it: one thread, its cursor moved in the transaction that books.

Killed anywhere, it starts again at the cursor. An event that was booked and not yet
acknowledged comes again and changes nothing: its number says so, in the transaction that would book it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.links.cursor import Cursor, move_cursor, read_cursor
from pi_auto.server.links.events import book_event
from pi_auto.server.links.lines import Arrival, is_another, is_refusal, read_arrival
from pi_auto.server.links.socket import HubSocket
from pi_auto.server.scans.booking import Way
from pi_auto.server.scans.refusals import note_refusal
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Busy, Writer

_TOGETHER = 200  # events in one job
_CONNECT_TIMEOUT = 5.0  # seconds
_WRITE_TIMEOUT = 60.0
_LAST_GROUP = 1.0  # seconds for it when the server stops
_ACKNOWLEDGE_EVERY = 1.0  # it only lets the hub drop old events
_FIRST_DELAY, _MOST_DELAY = 0.05, 2.0
_PASSING = (Busy, OperationalError, TimeoutError)
_log = logging.getLogger(__name__)


class Follower:
    """Books the events of the hub behind `socket`; `source` names its cursor."""

    def __init__(self, socket: Path, source: str, store: Store, writer: Writer) -> None:
        self._socket, self._source, self._store, self._writer = socket, source, store, writer
        self._stopping = threading.Event()
        self._stream: HubSocket | None = None
        self._acknowledged_at = 0.0
        self._thread = threading.Thread(target=self._run, name="hub-events", daemon=True)
        self._thread.start()

    def reads(self) -> bool:
        """Whether it has the stream now."""
        return self._stream is not None

    def stop(self) -> None:
        """Stop after the group that is being booked, without waiting for it."""
        self._stopping.set()
        if stream := self._stream:
            stream.hang_up()

    def close(self) -> None:
        """Stop, and wait a moment: books that somebody has locked are not to hold up the end of the server."""
        self.stop()
        self._thread.join(_LAST_GROUP)

    def _run(self) -> None:
        delay, told = _FIRST_DELAY, ""
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - whatever it was, the events must go on
                cause = f"{type(error).__name__}: {error}"
            self._stream = None
            if self._stopping.is_set():
                return
            delay = _FIRST_DELAY if time.monotonic() - began > _MOST_DELAY else min(2 * delay, _MOST_DELAY)
            if delay == _MOST_DELAY and cause != told:  # not each time the hub starts
                _log.warning("the hub's events cannot be followed: %s", cause)
                told = cause
            self._stopping.wait(delay)

    def _follow(self) -> None:
        """Book events until something fails."""
        with self._store.engine.connect() as connection:
            cursor = read_cursor(connection, self._source)
        with HubSocket(self._socket, _CONNECT_TIMEOUT) as stream:
            self._stream = stream
            if self._stopping.is_set():  # `stop` came before there was a stream to hang up
                return
            stream.send({"op": "events", "after": cursor.through - 1 if cursor.last else cursor.through})
            stream.patience(None)
            for lines in stream.lines():
                if is_refusal(lines[0]):
                    self._start_over(cursor, repr(lines[0]))
                arrivals = [read_arrival(line) for line in lines]
                if is_another(cursor, arrivals[0]):
                    self._start_over(cursor, f"that is now {arrivals[0].identity}")
                for start in range(0, len(arrivals), _TOGETHER):
                    cursor = self._book(arrivals[start : start + _TOGETHER], cursor)
                self._acknowledge(cursor.through)

    def _start_over(self, cursor: Cursor, reason: str) -> NoReturn:
        """The hub's log is not the one that was read, as after a restored backup: all of it is read again."""
        if cursor.through:
            _log.warning(
                "the hub does not know event %d (%s); its log is read from the start: %s", *cursor, reason
            )
            self._writer.submit(lambda books: move_cursor(books, self._source, Cursor())).result(_WRITE_TIMEOUT)
        raise HubUnavailable(reason)

    def _book(self, arrivals: Sequence[Arrival], after: Cursor) -> Cursor:
        """Book a group, event by event if it fails as a whole; returns the new cursor."""
        fresh = [arrival for arrival in arrivals if arrival.number is None or arrival.number > after.through]
        try:
            return self._commit(fresh, after)
        except _PASSING:
            raise
        except Exception:  # noqa: BLE001 - our own fault: each event shows alone whether it is its
            _log.exception("a group of %d events cannot be booked, trying each alone", len(fresh))
        for arrival in fresh:
            after = self._book_alone(arrival, after)
        return after

    def _book_alone(self, arrival: Arrival, after: Cursor) -> Cursor:
        try:
            return self._commit([arrival], after)
        except _PASSING:
            raise
        except Exception as error:  # noqa: BLE001 - our own fault: kept for a person, and passed by
            reason = f"the server failed on it: {type(error).__name__}: {error}"
        return self._commit([Arrival(arrival.number, None, arrival.device_id, reason)], after)

    def _commit(self, arrivals: Sequence[Arrival], after: Cursor) -> Cursor:
        if not arrivals:
            return after

        def job(connection: Connection) -> Cursor:
            # Not `after`: a job that was given up after a while may have been done since, and an old client's
            # event has no uuid by which it would be known.
            now, before = datetime.now(UTC), read_cursor(connection, self._source)
            cursor = before
            for arrival in arrivals:
                if arrival.number is not None and arrival.number <= before.through:
                    continue
                _book_arrival(connection, arrival, now)
                if arrival.number and arrival.number > cursor.through:
                    cursor = Cursor(arrival.number, arrival.identity)
            if cursor != before:
                move_cursor(connection, self._source, cursor)
            return cursor

        return self._writer.submit(job).result(_WRITE_TIMEOUT)

    def _acknowledge(self, through: int) -> None:
        if time.monotonic() - self._acknowledged_at < _ACKNOWLEDGE_EVERY:
            return
        self._acknowledged_at = time.monotonic()
        with suppress(HubUnavailable), HubSocket(self._socket, _CONNECT_TIMEOUT) as hub:
            hub.ask({"op": "acknowledge", "through": through})


def _book_arrival(connection: Connection, arrival: Arrival, now: datetime) -> None:
    if arrival.event:
        book_event(connection, arrival.event, now)
    else:
        reason = f"event {arrival.number or 'without a number'}: {arrival.reason}"
        note_refusal(connection, arrival.device_id, Way.HUB, reason, now)
