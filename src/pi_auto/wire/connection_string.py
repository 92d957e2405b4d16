"""The Azure IoT Hub connection string of a device: which hub, which device, which key."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, field

from pi_auto.wire.errors import FieldError

_FORM = "HostName=…;DeviceId=…;SharedAccessKey=…"


@dataclass(frozen=True, slots=True)
class ConnectionString:
    """A device's way into its hub. The key is base64 and is kept out of every repr."""

    host: str
    device_id: str
    key: str = field(repr=False)

    def __str__(self) -> str:
        return f"HostName={self.host};DeviceId={self.device_id};SharedAccessKey={self.key}"

    @classmethod
    def parse(cls, text: str) -> ConnectionString:
        """Read it; FieldError says which part is missing or wrong, and never shows the key."""
        parts = dict(part.split("=", 1) for part in text.strip().split(";") if "=" in part)
        for name in ("HostName", "DeviceId", "SharedAccessKey"):
            if not parts.get(name):
                raise FieldError(f"connection_string.{name}", "missing", _FORM)
        try:
            b64decode(parts["SharedAccessKey"], validate=True)
        except (NotBase64, ValueError):
            raise FieldError("connection_string.SharedAccessKey", "not base64", _FORM) from None
        return cls(parts["HostName"], parts["DeviceId"], parts["SharedAccessKey"])
