"""How a device introduces itself at `POST /api/register_device`, and what it is given.

The shape is the legacy contract's: the shipped client speaks it today. `claim` and what the
answer carries for it are new, and absent where an old client registers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import device_id_of
from pi_auto.wire.times import format_time

CLAIM = re.compile(r"[0-9a-f]{64}\Z")
TOKEN = re.compile(r"[A-Za-z0-9_-]{32,256}\Z")
_MOST_SYSTEM_INFO = 16 * 1024  # bytes as JSON
_MOST_LEVELS = 16  # whoever reads it again must be able to
DEVICE_TYPES = ("raspberry_pi",)


@dataclass(frozen=True, slots=True)
class Registration:
    """A device's introduction.

    `claim` is a secret of its own making: whoever registers an id first with a claim is the
    only one who can ever register it again.
    """

    device_id: str
    timestamp: datetime
    system_info: dict[str, Any]
    client_version: str
    device_type: str = "raspberry_pi"
    auto_registered: bool = True
    claim: str | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The registration as it travels."""
        return {
            "device_id": self.device_id,
            "device_type": self.device_type,
            "timestamp": format_time(self.timestamp),
            "system_info": self.system_info,
            "auto_registered": self.auto_registered,
            "client_version": self.client_version,
        } | ({"claim": self.claim} if self.claim else {})

    @classmethod
    def from_json(cls, value: object) -> Registration:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        return cls(
            device_id=device_id_of(fields),
            device_type=fields.choice("device_type", DEVICE_TYPES),
            timestamp=fields.time("timestamp"),
            system_info=_system_info(value),
            auto_registered=fields.optional("auto_registered", fields.flag, default=True),
            client_version=fields.text("client_version", most=64),
            claim=fields.optional("claim", lambda n: fields.text(n, most=64, form=CLAIM)),
        )


@dataclass(frozen=True, slots=True)
class HubDial:
    """Where to reach the hub when that is not port 8883 of the connection string's HostName.

    The name in the hub's certificate stays the HostName: the address dialled and the name verified differ.
    `websocket_port` is where it takes MQTT within WebSocket and TLS, None where it does not.
    """

    address: str
    port: int
    tls: bool
    websocket_port: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The dial as it travels."""
        by_websocket = {"websocket_port": self.websocket_port} if self.websocket_port else {}
        return {"address": self.address, "port": self.port, "tls": self.tls} | by_websocket

    @classmethod
    def from_fields(cls, fields: Fields) -> HubDial:
        """Read it, or say which field is wrong."""
        return cls(
            address=fields.text("address", most=253),
            port=fields.integer("port", least=1, most=65535),
            tls=fields.flag("tls"),
            websocket_port=fields.optional("websocket_port", lambda n: fields.integer(n, least=1, most=65535)),
        )


@dataclass(frozen=True, slots=True)
class RegistrationAnswer:
    """What a registered device is given; `connection_string` is null where the server has switched the hub off.

    `api_token` is shown once, to whoever proved the claim or the key; the one before it stays good.
    A device with a key has to renew it within `token_expires_in` seconds.
    """

    device_id: str
    registration_date: datetime
    connection_string: str | None = field(repr=False)
    server_url: str
    message: str = "device registered"
    api_token: str | None = field(default=None, repr=False)
    hub: HubDial | None = None
    update_interval: int = 3600
    heartbeat_interval: int = 30
    api_version: str = "1.0"
    token_expires_in: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The answer as it travels."""
        return {
            "status": "success",
            "message": self.message,
            "device_id": self.device_id,
            "registration_date": format_time(self.registration_date),
            "connection_string": self.connection_string,
            "api_token": self.api_token,
            "token_expires_in": self.token_expires_in,
            "hub": self.hub.to_json() if self.hub else None,
            "server_info": {
                "server_url": self.server_url,
                "api_version": self.api_version,
                "update_interval": self.update_interval,
                "heartbeat_interval": self.heartbeat_interval,
            },
        }

    @classmethod
    def from_json(cls, value: object) -> RegistrationAnswer:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        info = fields.object("server_info")
        return cls(
            device_id=device_id_of(fields),
            registration_date=fields.time("registration_date"),
            connection_string=fields.optional("connection_string", lambda n: fields.text(n, most=1024)),
            server_url=info.text("server_url", least=0, most=2048),
            message=fields.optional("message", lambda n: fields.text(n, least=0, most=1024), ""),
            api_token=fields.optional("api_token", lambda n: fields.text(n, most=256, form=TOKEN)),
            hub=fields.optional("hub", lambda n: HubDial.from_fields(fields.object(n))),
            update_interval=info.integer("update_interval", least=1, most=7 * 86400),
            heartbeat_interval=info.integer("heartbeat_interval", least=1, most=86400),
            api_version=info.text("api_version", least=0, most=32),
            token_expires_in=fields.optional(
                "token_expires_in", lambda n: fields.integer(n, least=1, most=7 * 86_400)
            ),
        )


def _system_info(value: object) -> dict[str, Any]:
    """What the device says of its machine: any JSON object of moderate size, kept as it is."""
    info = value.get("system_info") if isinstance(value, dict) else None
    allowed = f"a JSON object of at most {_MOST_SYSTEM_INFO} bytes and {_MOST_LEVELS} levels"
    if not isinstance(info, dict):
        raise FieldError("system_info", "missing" if info is None else shown(info), allowed)
    if is_deeper(info, _MOST_LEVELS) or _size(info) > _MOST_SYSTEM_INFO:
        raise FieldError("system_info", shown(info), allowed)
    return info


def is_deeper(value: object, levels: int) -> bool:
    """Whether JSON values are nested deeper than so many levels; without recursion, since it meets towers."""
    level = [value]
    for _ in range(levels):
        inner = (
            item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)
        )
        level = [value for values in inner for value in values]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def _size(value: object) -> int:
    return len(repr(value).encode("utf-8", "surrogatepass"))
