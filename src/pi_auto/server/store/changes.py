"""The change number: one rising sequence over scans, incidents and devices.

The writer takes numbers inside its transaction and publishes the newest after the commit, so
whoever waits here finds what he waited for in the books. Numbers may be skipped, never reused
for something that others have seen.
"""

from __future__ import annotations

import threading
import time

from sqlalchemy import Connection, func, select

from pi_auto.server.fleet.tables import devices
from pi_auto.server.scans.tables import incidents, scans

_KEY = "pi_auto_change"


def newest_change(connection: Connection) -> int:
    """The highest change number in the books; 0 when they are empty."""
    newest = (select(func.max(table.c.changed)) for table in (scans, incidents, devices))
    return max(connection.execute(query).scalar() or 0 for query in newest)


def start_numbering(connection: Connection) -> int:
    """Let the writing connection number from what the books hold; returns that."""
    newest = connection.info[_KEY] = newest_change(connection)
    return newest


def next_change(connection: Connection) -> int:
    """The next number, for a row that the writer's transaction adds or alters."""
    state = connection.info
    state[_KEY] += 1
    return int(state[_KEY])


def last_change(connection: Connection) -> int:
    """The number taken last on the writing connection."""
    number: int = connection.info[_KEY]
    return number


class Changes:
    """The newest committed change, and a way to wait for a newer one. For any number of threads."""

    def __init__(self, newest: int = 0) -> None:
        self._newest = newest
        self._stopped = False
        self._condition = threading.Condition()

    def newest(self) -> int:
        """The newest committed change number."""
        return self._newest

    def publish(self, newest: int) -> None:
        """Say that everything up to `newest` is committed."""
        with self._condition:
            if newest > self._newest:
                self._newest = newest
                self._condition.notify_all()

    def wait_beyond(self, after: int, timeout: float) -> int:
        """The newest change once it is above `after`; after `timeout` seconds, or `stop`, whatever it is then."""
        deadline = time.monotonic() + timeout
        with self._condition:
            while self._newest <= after and not self._stopped:
                left = deadline - time.monotonic()
                if left <= 0 or not self._condition.wait(left):
                    break
            return self._newest

    def stop(self) -> None:
        """End every wait at once, now and from here on."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
