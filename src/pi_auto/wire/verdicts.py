"""What a device is told that is not taken in, or not yet: why, and when to ask again.

It keeps scanning into its queue whatever it is told. The words are few and fixed, so that the
device can say in its own words what a person has to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import device_id_of

_MOST_RETRY = 86_400  # seconds
_MOST_SENTENCE = 1024


class Waiting(StrEnum):
    """Why an operator has to look at it first (status 202)."""

    APPROVAL = "approval"  # the fleet approves every device by hand
    NEW_KEY = "new_key"  # this serial is known with another key
    TAKEN_ID = "taken_id"  # another device has this id, or this device had another id
    OTHER_SERIAL = "other_serial"  # this key is known with another serial


class Refusing(StrEnum):
    """Why it is not taken in (status 403, the last two 429 and 503)."""

    SIGNATURE = "signature"  # it does not fit the key
    NONCE = "nonce"  # not ours, run out or used: ask for another one and sign again, at once
    FLEET = "fleet"  # signed for another fleet
    REVOKED = "revoked"  # an operator has shut out this serial or this key, and alone can lift that
    CLOSED = "closed"  # the fleet takes in nobody
    BATCH_TOKEN = "batch_token"  # noqa: S105 - a word; the token is unknown, run out or used up
    SECRET = "secret"  # noqa: S105 - a word; not the one made for this serial
    UNKNOWN = "unknown"  # no such device is enrolled: enrol
    CROWDED = "crowded"  # too many from this address
    FULL = "full"  # too many wait for an operator


@dataclass(frozen=True, slots=True)
class Pending:
    """The device is noted and waits for an operator; it may ask again after `retry_after` seconds."""

    device_id: str
    reason: Waiting
    retry_after: int = 30
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """The answer as it travels."""
        return {
            "status": "pending",
            "device_id": self.device_id,
            "reason": self.reason.value,
            "retry_after": self.retry_after,
            "message": self.message,
        }

    @classmethod
    def from_json(cls, value: object) -> Pending:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        fields.choice("status", ("pending",))
        return cls(
            device_id=device_id_of(fields),
            reason=Waiting(fields.choice("reason", tuple(Waiting))),
            retry_after=fields.integer("retry_after", least=1, most=_MOST_RETRY),
            message=fields.optional("message", lambda n: fields.text(n, least=0, most=_MOST_SENTENCE), ""),
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """The device is not taken in; asking again before `retry_after` seconds changes nothing."""

    reason: Refusing
    message: str
    retry_after: int = 300

    def to_json(self) -> dict[str, Any]:
        """The answer as it travels; `error` is what every refusal of the API carries."""
        return {
            "status": "refused",
            "reason": self.reason.value,
            "retry_after": self.retry_after,
            "error": self.message,
        }

    @classmethod
    def from_json(cls, value: object) -> Refused:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        fields.choice("status", ("refused",))
        return cls(
            reason=Refusing(fields.choice("reason", tuple(Refusing))),
            message=fields.text("error", least=0, most=_MOST_SENTENCE),
            retry_after=fields.integer("retry_after", least=0, most=_MOST_RETRY),
        )
