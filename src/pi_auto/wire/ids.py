"""Names of devices and places in a spool."""

from __future__ import annotations

import re

from pi_auto.frozen import frozen
from pi_auto.wire.fields import Fields

DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_SERIAL_DIGITS = 8


@frozen
class Position:
    """A place in one spool. Numbers start at 1 and rise by one; 0 is the place before the first.

    A spool begun anew has another UUID, so its positions are never mistaken for the old one's.
    """

    spool: str
    number: int

    def to_json(self) -> dict[str, str | int]:
        """The position as it travels."""
        return {"spool": self.spool, "number": self.number}

    @classmethod
    def from_fields(cls, fields: Fields) -> Position:
        """Read it, or say which field is wrong."""
        return cls(spool=fields.uuid("spool"), number=fields.integer("number"))


def device_id_from(hardware: str) -> str:
    """The id that follows from a CPU serial or a MAC address: `pi-` and its last eight hex digits.

    Raises ValueError where there are no eight. (Legacy contract: the shipped client uses this form.)
    """
    digits = re.sub(r"[^0-9a-f]", "", hardware.lower())
    if len(digits) < _SERIAL_DIGITS:
        raise ValueError(f"{hardware!r} has no {_SERIAL_DIGITS} hex digits")
    return f"pi-{digits[-_SERIAL_DIGITS:]}"


def device_id_of(fields: Fields, name: str = "device_id") -> str:
    """A device id out of a message; what Azure IoT Hub and a file name both allow."""
    return fields.text(name, most=63, form=DEVICE_ID)
