"""What the fleet server and its local hub say to each other over a Unix socket: one JSON object a line.

A connection starts with a request `{"op": …}`:

- `put_device` `{"device_id"}` makes sure the device exists; answer `{"ok": true, "primary_key", "host"}`.
- `patch_desired` `{"device_id", "patch"}` merges a patch into the desired properties of the device's twin, and
  tells the device if it is connected; answer `{"ok": true, "version": N}`.
- `patch_tags` `{"device_id", "patch"}` merges a patch into the tags of the device's twin; answer `{"ok": true}`.
- `set_enabled` `{"device_id", "enabled"}` lets the device connect, or ends its connection; answer `{"ok": true}`.
- `rotate_keys` `{"device_id"}` makes a new primary key, the one before becomes the secondary; answered as
  `put_device` is.
- `delete_device` `{"device_id"}` removes the device and its twin, if it is there; answer `{"ok": true}`.
- `call_method` `{"device_id", "method", "payload", "timeout"}` calls a direct method and waits so many seconds;
  answer `{"ok": true, "status", "payload"}`, or `{"ok": false, "error", "code": "offline" | "timeout"}`.
- `events` `{"after": N}` turns the connection into a stream of Event lines with rising
  sequence numbers, from the first one above N, old ones first, then live.
- `certificate` `{"pem"}` shows another certificate, with its chain and its key, to whoever connects from now on;
  answer `{"ok": true}`. The key is on no disk: this connection never leaves the machine, nor the user.
- `info` tells what runs; answer `{"ok": true, "mqtt": "ADDRESS:PORT", "websocket": "ADDRESS:PORT" | "off", "tls",
  "host", "pid"}`. A server that starts anew adopts a hub that outlived it, so that devices stay connected while
  the server is away.
- `stop` ends the hub cleanly; answer `{"ok": true}`.
- `acknowledge` `{"through": N}` says that events up to N are in the server's books; answer `{"ok": true}`.

What cannot be done is answered `{"ok": false, "error": "…"}`; what exceeds a rate of the tier that the hub
imitates has `"code": "throttled"` and `"retry_after": SECONDS` besides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pi_auto.wire.fields import Fields

TELEMETRY = "telemetry"
TWIN_CHANGE = "twin_change"
CONNECTED = "connected"
DISCONNECTED = "disconnected"
EVENT_TYPES = (TELEMETRY, TWIN_CHANGE, CONNECTED, DISCONNECTED)
MOST_LINE = 1024 * 1024
OFFLINE, TIMEOUT = "offline", "timeout"  # codes of a call that was not answered
THROTTLED = "throttled"  # the code of whatever came too fast
MOST_METHOD_TIMEOUT = 300  # seconds, as at IoT Hub


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at the hub. `body` is base64 for telemetry and an object for a twin change."""

    sequence_number: int
    type: str
    device_id: str
    enqueued_at: str
    system_properties: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def to_line(self) -> bytes:
        """The event as a line, its line feed included."""
        return json.dumps(self.to_json(), separators=(",", ":")).encode() + b"\n"

    def to_json(self) -> dict[str, Any]:
        """The event as an object."""
        return {
            "type": self.type,
            "device_id": self.device_id,
            "sequence_number": self.sequence_number,
            "enqueued_at": self.enqueued_at,
            "system_properties": self.system_properties,
            "properties": self.properties,
            "body": self.body,
        }

    @classmethod
    def from_json(cls, value: object) -> Event:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value, "event")
        known = value if isinstance(value, dict) else {}
        return cls(
            sequence_number=fields.integer("sequence_number", least=1),
            type=fields.choice("type", EVENT_TYPES),
            device_id=fields.text("device_id", most=128),
            enqueued_at=fields.text("enqueued_at", most=40),
            system_properties=known.get("system_properties") or {},
            properties=known.get("properties") or {},
            body=known.get("body"),
        )
