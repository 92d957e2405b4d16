"""Shared access signatures as Azure IoT Hub makes and checks them.

Source: Microsoft, "Control access to IoT Hub with SAS": HMAC-SHA256 with the base64-decoded
key over the URL-encoded resource, a line feed and the expiry in seconds since 1970.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

_PREFIX = "SharedAccessSignature "
_MOST = 4096


@dataclass(frozen=True, slots=True)
class SasToken:
    """A signature over a resource such as `hub.local/devices/pi-1a2b3c4d`, good until `expiry` (Unix seconds)."""

    resource: str
    signature: bytes
    expiry: int
    policy: str | None = None

    @classmethod
    def sign(cls, resource: str, key: str, expiry: int, policy: str | None = None) -> SasToken:
        """Make one with a base64 key."""
        return cls(resource, _signature(quote(resource, safe=""), key, expiry), expiry, policy)

    def __str__(self) -> str:
        signature = quote(b64encode(self.signature), safe="")
        token = f"{_PREFIX}sr={quote(self.resource, safe='')}&sig={signature}&se={self.expiry}"
        return f"{token}&skn={self.policy}" if self.policy else token

    @classmethod
    def parse(cls, text: str) -> SasToken | None:
        """Read one; nothing if it is not of the form."""
        if not text.startswith(_PREFIX) or len(text) > _MOST:
            return None
        try:
            parts = parse_qs(text[len(_PREFIX) :], strict_parsing=True, max_num_fields=8)
            signature = b64decode(parts["sig"][0], validate=True)
            return cls(parts["sr"][0], signature, int(parts["se"][0]), parts.get("skn", [None])[0])
        except (KeyError, ValueError):
            return None

    def proves(self, resource: str, key: str, now: float) -> bool:
        """Whether it was made with `key` for this very resource and has not run out at `now` (Unix seconds)."""
        if self.expiry <= now or self.resource.lower() != resource.lower():
            return False
        expected = _signature(quote(self.resource, safe=""), key, self.expiry)
        return hmac.compare_digest(expected, self.signature)


def _signature(quoted_resource: str, key: str, expiry: int) -> bytes:
    return hmac.new(b64decode(key), f"{quoted_resource}\n{expiry}".encode(), hashlib.sha256).digest()
