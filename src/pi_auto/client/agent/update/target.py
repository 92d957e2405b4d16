"""A file that the fleet has signed: its name, length, hashes, and what is said of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import IO, Any

from pi_auto.client.agent.update.trouble import Wrong

_BLOCK = 64 * 1024  # bytes
_KINDS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True)
class Target:
    """As the metadata have it; `hashes` in hex by their kind, `custom` as signed and not checked yet."""

    path: str
    length: int
    hashes: dict[str, str]
    custom: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """In hex. Raises Wrong where it is not among what was signed."""
        if "sha256" not in self.hashes:
            raise Wrong(f"{self.path} is signed without its SHA-256")
        return self.hashes["sha256"]

    def check(self, file: IO[bytes]) -> None:
        """Read the file to its end: raises Wrong if it is not the one that was signed."""
        kinds = [kind for kind in self.hashes if kind in _KINDS]
        if not kinds:
            raise Wrong(f"{self.path} is signed by {', '.join(self.hashes)}; allowed: {', '.join(_KINDS)}")
        digests = {kind: hashlib.new(kind) for kind in kinds}
        length = 0
        while block := file.read(_BLOCK):
            length += len(block)
            for digest in digests.values():
                digest.update(block)
        if length != self.length:
            raise Wrong(f"{length} bytes came as {self.path}, and {self.length} are signed")
        for kind, digest in digests.items():
            if digest.hexdigest() != self.hashes[kind]:
                raise Wrong(f"what came as {self.path} is not what is signed: its {kind} is {digest.hexdigest()}")
