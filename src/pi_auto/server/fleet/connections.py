"""Which connect or disconnect of a device is the newest, by the hub's own order of them. Pure.

IoT Hub may deliver both in any order and gives each a `sequenceNumber`; the local hub's events
are numbered themselves. A number that is not above the last one is old news, or a repeat;
unless it was said clearly later: then it is from another log, as after a restored backup.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pi_auto.wire.hublink import CONNECTED, Event

MOST_CONNECTS = 8  # kept of a device, to see whether it flaps
_DIGITS = 64  # hexadecimal, of IoT Hub's numbers
_ANOTHER_LOG = timedelta(minutes=1)  # later, with a lower number


@dataclass(frozen=True, slots=True)
class Connections:
    """What is known of a device's connections: the newest of each kind, its place, the last connects."""

    connected_at: datetime | None = None
    disconnected_at: datetime | None = None
    order: str = ""
    connects: tuple[int, ...] = ()  # milliseconds since 1970, the newest last

    @property
    def newest(self) -> datetime | None:
        """When the newest of them was."""
        return self.disconnected_at or self.connected_at


def order_of(event: Event) -> str:
    """The event's place in the order, so that texts compare as the numbers do."""
    said = event.body.get("sequenceNumber") if isinstance(event.body, dict) else None
    if isinstance(said, str) and 0 < len(said) <= _DIGITS:
        return said.upper().zfill(_DIGITS)
    return f"{event.sequence_number:0{_DIGITS}X}"


def step(before: Connections, kind: str, at: datetime, order: str) -> Connections | None:
    """What is known after a connect or disconnect (`kind`); nothing where it was known, or overtaken."""
    newest = before.newest
    if order <= before.order and (newest is None or at <= newest + _ANOTHER_LOG):
        return None
    if kind == CONNECTED:
        connects = (*before.connects, int(at.timestamp() * 1000))[-MOST_CONNECTS:]
        return Connections(at, None, order, connects)
    return Connections(before.connected_at, at, order, before.connects)
