"""Whether events are being read, told from what arrives and what goes wrong; each cause is logged now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_AGAIN = 600.0  # seconds until the same cause is told a second time
_MOST_SAID = 300
_STOLEN = "amqp:link:stolen"
_log = logging.getLogger(__name__)


class Reading:
    """What is known about a stream of events. It is read where something of it was, after the last failure.

    A part may be read while another fails again and again: that counts `settled` seconds after a failure.
    """

    def __init__(self, settled: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._settled, self._clock = settled, clock
        self._goes = False  # since it failed last
        self._failed_at: float | None = None
        self._told, self._told_at = "", 0.0

    def goes_on(self) -> None:
        """A part of the stream is read, whether or not there was anything in it."""
        self._goes = True

    def arrived(self) -> None:
        """Events came: it is well, whatever was before."""
        self._goes, self._failed_at = True, None

    def failed(self, error: Exception) -> None:
        """It was interrupted, and goes on by itself."""
        self._goes, self._failed_at = False, (now := self._clock())
        cause = _cause(error)
        if cause != self._told or now - self._told_at > _AGAIN:
            _log.warning("the hub's events cannot be read: %s", cause)
            self._told, self._told_at = cause, now

    def state(self) -> bool | None:
        """Whether it is read; None while that is not known."""
        if self._failed_at is None:
            return True if self._goes else None
        return self._goes and self._clock() - self._failed_at >= self._settled


class Pulses:
    """Partitions that are read, and when each has last shown it. One that is being booked is not waited for.

    azure-eventhub keeps an error from us that comes while it opens a partition, such as that of a
    consumer group that does not exist, and tries it again and again without a pause.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._last: dict[str, float] = {}

    def beat(self, partition: str) -> None:
        """It begins to be read, or is read still."""
        self._last[partition] = self._clock()

    def leave(self, partition: str) -> None:
        """It is being booked, or is nobody's here any more."""
        self._last.pop(partition, None)

    def silent(self) -> list[str]:
        """Those that have shown nothing for too long."""
        return [partition for partition, at in self._last.items() if self._clock() - at > self._patience]


def is_stolen(error: Exception) -> bool:
    """Whether another reader of the group has taken a partition."""
    return _STOLEN in str(error)


def _cause(error: Exception) -> str:
    said = " ".join(str(error).split())
    if is_stolen(error):
        return "somebody else reads by the same consumer group; give each fleet's servers one of their own"
    return f"{type(error).__name__}: {said[:_MOST_SAID]}"
