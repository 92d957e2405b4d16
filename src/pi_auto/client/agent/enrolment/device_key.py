"""The key that a device makes itself at its first start and never shows: whoever has it is this device."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import Any

from pi_auto.client.agent.enrolment.openssl import Unusable, new_key, public_of, sign
from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.keys import PublicKey
from pi_auto.wire.signed import Signed, bytes_to_sign, payload_of

log = logging.getLogger("pi_auto.identity")

FILE = "device_key.pem"


class DeviceKey:
    """The private key in a folder; made there the first time. Raises OpensslError, OSError if it cannot be kept.

    A file that is no key is set aside, for a person: the fleet knows the device by the key in it. That
    is said of it only where another key could be made: an `openssl` that works for nothing tells nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self.public = self._kept() or self._made()

    def sign(self, kind: str, content: dict[str, Any]) -> Signed:
        """The content in its envelope. Raises OpensslError."""
        payload = payload_of(content)
        return Signed(kind, payload, sign(self._file, bytes_to_sign(kind, payload)), self.public.fingerprint)

    def _kept(self) -> PublicKey | None:
        try:
            return public_of(self._file.read_bytes(), str(self._file))
        except FileNotFoundError:
            return None
        except (Unusable, FieldError) as error:
            log.error("%s cannot be used: %s", self._file, error)  # noqa: TRY400
            return None

    def _made(self) -> PublicKey:
        key = new_key()
        public = public_of(key, "a new key")
        self._set_aside()
        write_whole(self._file, key, mode=0o600)
        return public

    def _set_aside(self) -> None:
        if self._file.exists():
            aside = self._file.with_name(f"{FILE}.damaged-{secrets.token_hex(4)}")
            log.error("%s is set aside as %s, and a new key is made", self._file, aside.name)
            self._file.rename(aside)
