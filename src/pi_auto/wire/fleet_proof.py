"""A server proves its fleet, and tells the time, over a nonce that the device has just made.

`POST /api/fleet_proof {"nonce": …}` is answered with a Signed FleetProof, by the fleet's key.
It also says under which names that server stands on the network: an impostor that hands a
proof through cannot hand through the name in its certificate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pi_auto.wire.enrolment import nonce_of
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import FLEET_ID
from pi_auto.wire.server_address import is_host
from pi_auto.wire.times import format_time

MOST_NAMES = 32


@dataclass(frozen=True, slots=True)
class FleetProof:
    """What a fleet's key says: it is `time`, I was just asked with `nonce`, and my server goes by `names`."""

    fleet_id: str
    nonce: str = field(repr=False)
    time: datetime
    names: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The payload that is signed."""
        return {
            "fleet_id": self.fleet_id,
            "nonce": self.nonce,
            "time": format_time(self.time),
            "names": list(self.names),
        }

    @classmethod
    def from_json(cls, value: object) -> FleetProof:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        names = fields.items("names", most=MOST_NAMES)
        for index, name in enumerate(names):
            if not isinstance(name, str) or not is_host(name):
                raise FieldError(f"names[{index}]", "something else", "a host name or an IP address")
        return cls(
            fleet_id=fields.text("fleet_id", most=32, form=FLEET_ID),
            nonce=nonce_of(fields),
            time=fields.time("time"),
            names=tuple(names),
        )

    def proves(self, fleet_id: str, nonce: str, name: str) -> str | None:
        """Why it does not prove this fleet to who asked with `nonce` and verified a certificate for `name`."""
        if self.fleet_id != fleet_id:
            return f"it is of the fleet {self.fleet_id}, not {fleet_id}"
        if self.nonce != nonce:
            return "it answers another question"
        if name.lower() not in {one.lower() for one in self.names}:
            return f"the fleet's server does not go by the name {name}"
        return None


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """A device's question; the nonce is 32 random bytes, in the alphabet of base64url."""

    nonce: str

    def to_json(self) -> dict[str, Any]:
        """The question as it travels."""
        return {"nonce": self.nonce}

    @classmethod
    def from_json(cls, value: object) -> ProofRequest:
        """Read it, or raise FieldError naming what is wrong."""
        return cls(nonce_of(Fields(value)))
