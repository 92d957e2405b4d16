"""Lines of the local hub's event stream, and what they hold. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.server.links.cursor import Cursor
from pi_auto.server.links.socket import decode
from pi_auto.server.store.text import storable
from pi_auto.wire.errors import FieldError
from pi_auto.wire.hublink import Event


@dataclass(frozen=True, slots=True)
class Arrival:
    """A line of the stream: its event, or why it holds none."""

    number: int | None
    event: Event | None
    device_id: str = ""
    reason: str = ""

    @property
    def identity(self) -> str | None:
        """What tells it from the event that another log has at its number."""
        event = self.event
        return storable(f"{event.enqueued_at} {event.type} {event.device_id}") if event else None


def read_arrival(line: bytes) -> Arrival:
    """A line of the stream, whatever it holds."""
    value = decode(line)
    try:
        event = Event.from_json(value)
    except FieldError as error:
        said = value if isinstance(value, dict) else {}
        number, device_id = said.get("sequence_number"), said.get("device_id")
        known = number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None
        return Arrival(known, None, device_id if isinstance(device_id, str) else "", str(error))
    return Arrival(event.sequence_number, event, event.device_id)


def is_refusal(line: bytes) -> bool:
    """Whether the hub refuses the stream instead of beginning it."""
    value = decode(line)
    return isinstance(value, dict) and value.get("ok") is False


def is_another(cursor: Cursor, arrival: Arrival) -> bool:
    """Whether the log has another event at the cursor's number than the one that was booked."""
    return bool(
        cursor.last and arrival.event and arrival.number == cursor.through and arrival.identity != cursor.last
    )
