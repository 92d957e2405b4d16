"""What a device reports of itself through its twin, every 30 seconds and once more when it stops."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pi_auto.wire.fields import Fields
from pi_auto.wire.times import format_time

HEARTBEAT_VERSION = "3.0"  # the legacy contract's
MOST_SCANNERS = 16  # a section of a twin holds 32 KiB
HEALTH = (
    "services",
    "versions",
    "uptime",
    "ip_addresses",
    "disk",
    "temperature",
    "undervoltage",
    "signal",
    "clock",
    "zone",
    "update",
    "os_updates",
)  # what a device tells of itself where it can; absent means that it cannot
STATUSES = ("online", "offline")


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The reported properties: `offline` is said on a clean stop, so that nobody has to wait for silence."""

    status: str
    last_seen: datetime
    client_version: str = ""
    device_info: dict[str, Any] = field(default_factory=dict)
    queue: dict[str, Any] = field(default_factory=dict)
    scanners: list[dict[str, str]] = field(default_factory=list)
    health: dict[str, Any] = field(default_factory=dict)  # of HEALTH; it travels beside the others
    boot: str | None = None  # the id of the running boot

    def to_json(self) -> dict[str, Any]:
        """The reported patch as it travels."""
        if self.status == "offline":
            return {"status": self.status, "last_seen": format_time(self.last_seen)}
        return {
            "status": self.status,
            "last_seen": format_time(self.last_seen),
            "device_info": self.device_info,
            "heartbeat_version": HEARTBEAT_VERSION,
            "client_version": self.client_version,
            "queue": self.queue,
            "scanners": self.scanners,
            **({"boot": self.boot} if self.boot else {}),
            **self.health,
        }

    def to_bytes(self) -> bytes:
        """The same as UTF-8 JSON."""
        return to_bytes(self.to_json())

    @classmethod
    def from_json(cls, value: object) -> Heartbeat:
        """Read a full one, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        reported = value if isinstance(value, dict) else {}
        for name in ("device_info", "queue"):
            fields.optional(name, fields.object)
        return cls(
            status=fields.choice("status", STATUSES),
            last_seen=fields.time("last_seen"),
            client_version=fields.optional("client_version", lambda n: fields.text(n, least=0, most=64), ""),
            health={name: reported[name] for name in HEALTH if reported.get(name) is not None},
            device_info=reported.get("device_info") or {},
            queue=reported.get("queue") or {},
            boot=fields.optional("boot", fields.uuid),
            scanners=fields.optional("scanners", lambda n: fields.items(n, most=MOST_SCANNERS), []),
        )


def to_bytes(patch: dict[str, Any]) -> bytes:
    """A reported patch as UTF-8 JSON."""
    return json.dumps(patch, separators=(",", ":")).encode()
