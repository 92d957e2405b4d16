"""Keys of devices and of fleets, made and used by the `openssl` command, as devices do."""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from pi_auto.wire.keys import PublicKey
from pi_auto.wire.signed import Signed, bytes_to_sign, payload_of


class DeviceKey:
    """A private key on P-256 in a file, and what it can sign."""

    def __init__(self, folder: Path | None = None) -> None:
        self.file = (folder or Path(tempfile.mkdtemp(prefix="device-key"))) / f"{secrets.token_hex(4)}.pem"
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(self.file))
        der = _openssl("pkey", "-in", str(self.file), "-pubout", "-outform", "DER")
        self.public = PublicKey.from_der(der, "the key")

    def sign(self, kind: str, message: Any) -> Signed:
        """The message in its envelope."""
        return self.sign_bytes(kind, payload_of(message.to_json()))

    def sign_bytes(self, kind: str, payload: bytes) -> Signed:
        """These bytes in an envelope."""
        signature = _openssl("dgst", "-sha256", "-sign", str(self.file), given=bytes_to_sign(kind, payload))
        return Signed(kind, payload, signature, self.public.fingerprint)


def openssl_verifies(key: PublicKey, signed: Signed, folder: Path) -> bool:
    """Whether a device, which has the `openssl` command, finds the signature good."""
    key_file, signature = folder / "key.pem", folder / "signature"
    pem = _openssl("pkey", "-pubin", "-inform", "DER", "-outform", "PEM", given=key.der)
    key_file.write_bytes(pem)
    signature.write_bytes(signed.signature)
    command = ["openssl", "dgst", "-sha256", "-verify", str(key_file), "-signature", str(signature)]
    return subprocess.run(command, input=signed.signed_bytes, capture_output=True, check=False).returncode == 0


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, check=True, capture_output=True).stdout
