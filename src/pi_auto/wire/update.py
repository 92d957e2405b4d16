"""What is said about updates: the server's offer at `GET /api/ota/check_update`, the device's status after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import device_id_of

STATUSES = ("success", "failed", "in_progress")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*\Z")


@dataclass(frozen=True, slots=True)
class NoUpdate:
    """The answer to a device that runs what it should."""

    current_version: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """The answer as it travels."""
        return {"has_update": False, "current_version": self.current_version, "message": self.message}


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """How an update goes, told by the device."""

    device_id: str
    version: str
    status: str
    timestamp: datetime

    @classmethod
    def from_json(cls, value: object) -> UpdateStatus:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        return cls(
            device_id=device_id_of(fields),
            version=fields.text("version", most=64, form=VERSION),
            status=fields.choice("status", STATUSES),
            timestamp=fields.time("timestamp"),
        )
