"""Which part of a heartbeat is news to the hub. Pure.

The first on a connection is whole, and so is the next one whenever it is not certain what the hub
holds: a report was refused, or its answer did not come before the next was due. Else only what has
changed travels, and null for what is gone.
"""

from __future__ import annotations

from typing import Any

from pi_auto.wire.heartbeat import HEALTH
from pi_auto.wire.twin import Section, difference, merged

# What an earlier run may have left in the twin: told as gone where this device does not tell it now.
_ANYTHING: Section = dict.fromkeys(HEALTH, "") | {
    "clock": {"offset_bound": ""},
    "queue": {"trouble": ""},
    "settings": "",
}
_ALWAYS = ("status", "last_seen")  # what makes it a heartbeat
_UNKNOWN = object()  # equal to nothing that can be told


class Changes:
    """The reports of one connection, each called for by `patch` and settled by `taken` or `doubted`."""

    def __init__(self) -> None:
        self._told = _ANYTHING  # all that the hub may hold, of whatever time
        self._held: Section | None = None  # by the hub, for certain
        self._sent: Section | None = None  # and not yet answered

    def patch(self, whole: Section) -> Section:
        """What is to be sent so that the hub holds `whole`, in which nothing is null and an object stays one."""
        certain = self._held if self._sent is None else None
        self._sent = whole
        self._told = merged(self._told, whole)
        if certain is None:
            return difference(_unknown(self._told), whole)
        return {name: whole[name] for name in _ALWAYS} | difference(certain, whole)

    def taken(self) -> None:
        """The hub has said yes to the last report."""
        self._held, self._sent = self._sent, None

    def doubted(self) -> None:
        """Nobody knows what the hub holds now."""
        self._held = self._sent = None


def _unknown(told: Section) -> Section:
    """The same names, and no value that could be taken for one that the hub holds."""
    return {name: _value_unknown(value) for name, value in told.items()}


def _value_unknown(value: Any) -> Any:
    """An empty object says nothing by its names: whether the hub holds it at all is not known either."""
    return _unknown(value) if isinstance(value, dict) and value else _UNKNOWN
