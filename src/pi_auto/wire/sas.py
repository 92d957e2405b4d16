"""Shared access signatures as Azure IoT Hub makes and checks them.

Source: Microsoft, "Control access to IoT Hub with SAS": HMAC-SHA256 with the base64-decoded
key over the URL-encoded resource, a line feed and the expiry in seconds since 1970.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass
from urllib.parse import quote, unquote

_PREFIX = "SharedAccessSignature "
_MOST = 4096


@dataclass(frozen=True, slots=True)
class SasToken:
    """A signature over a resource such as `hub.local/devices/pi-1a2b3c4d`, good until `expiry` (Unix seconds).

    `quoted` is the resource as it was signed: clients differ in how they URL-encode one.
    """

    resource: str
    signature: bytes
    expiry: int
    policy: str | None = None
    quoted: str = ""

    @classmethod
    def sign(cls, resource: str, key: str, expiry: int, policy: str | None = None) -> SasToken:
        """Make one with a base64 key."""
        quoted = quote(resource, safe="")
        return cls(resource, _signature(quoted, key, expiry), expiry, policy, quoted)

    def __str__(self) -> str:
        signature = quote(b64encode(self.signature), safe="")
        token = f"{_PREFIX}sr={self.quoted}&sig={signature}&se={self.expiry}"
        return f"{token}&skn={self.policy}" if self.policy else token

    @classmethod
    def parse(cls, text: str) -> SasToken | None:
        """Read one; nothing if it is not of the form."""
        if not text.startswith(_PREFIX) or len(text) > _MOST:
            return None
        try:
            parts = dict(part.split("=", 1) for part in text[len(_PREFIX) :].split("&"))
            signature = b64decode(unquote(parts["sig"]), validate=True)
            policy = unquote(parts["skn"]) if "skn" in parts else None
            return cls(unquote(parts["sr"]), signature, int(parts["se"]), policy, parts["sr"])
        except (KeyError, ValueError):
            return None

    def proves(self, resource: str, key: str, now: float) -> bool:
        """Whether it was made with `key` for this very resource and has not run out at `now` (Unix seconds)."""
        if self.expiry <= now or self.resource.lower() != resource.lower():
            return False
        expected = _signature(self.quoted, key, self.expiry)
        return hmac.compare_digest(expected, self.signature)


def _signature(quoted_resource: str, key: str, expiry: int) -> bytes:
    return hmac.new(b64decode(key), f"{quoted_resource}\n{expiry}".encode(), hashlib.sha256).digest()
