"""The fleet's settings for this device: heartbeat_interval and log_level of the desired properties. Pure.

Each is acknowledged in the reported properties, `settings: {name: {value, version, status, error?}}`, as
IoT Plug and Play does it: 200 for what holds now, 400 for what cannot be, with what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.fields import Fields
from pi_auto.wire.methods import BAD_PAYLOAD, DONE, LOG_LEVELS
from pi_auto.wire.twin import Section

HEARTBEAT_INTERVAL, LOG_LEVEL = "heartbeat_interval", "log_level"
SHORTEST, LONGEST = 10, 3600  # seconds between heartbeats


class Wishes:
    """What of the desired properties holds: `held` by name, `acknowledged` as it is to be reported."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        self.acknowledged: Section = {}

    def take(self, desired: Section, version: int) -> None:
        """These are the desired properties now, of that version. What is wrong leaves the others alone."""
        self.held, self.acknowledged = {}, {}
        fields = Fields(desired)
        for name in filter(fields.has, _READERS):
            self._take_one(name, fields, version)

    def _take_one(self, name: str, fields: Fields, version: int) -> None:
        said: Section = {"version": version}
        try:
            self.held[name] = _READERS[name](fields)
            said |= {"value": self.held[name], "status": DONE}
        except FieldError as error:
            said |= {"value": shown(fields.raw[name]), "status": BAD_PAYLOAD, "error": str(error)}
        self.acknowledged[name] = said


_READERS: dict[str, Callable[[Fields], Any]] = {
    HEARTBEAT_INTERVAL: lambda fields: fields.integer(HEARTBEAT_INTERVAL, least=SHORTEST, most=LONGEST),
    LOG_LEVEL: lambda fields: fields.choice(LOG_LEVEL, LOG_LEVELS),
}
