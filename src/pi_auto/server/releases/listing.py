"""What of the signed targets is fetched by its SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tuf.api.metadata import Targets

from pi_auto.server.releases.listed import authority_in, sha256_of
from pi_auto.server.releases.roles import read
from pi_auto.server.releases.shelf import Shelf
from pi_auto.wire.release import AUTHORITY_TARGET


@dataclass(frozen=True, slots=True)
class Fetched:
    """A target that may be fetched; `size` in bytes."""

    target: str
    sha256: str
    size: int

    def file(self, shelf: Shelf) -> Path:
        """Where it lies."""
        return shelf.target(self.target, self.sha256)


def authority_of(shelf: Shelf) -> Fetched | None:
    """The fleet's authority, where one is published."""
    place = shelf.generation()
    return _authority_of(shelf, place) if place else None


@lru_cache(4)
def _authority_of(shelf: Shelf, _place: Path) -> Fetched | None:
    octets = shelf.targets()
    file = authority_in(read(octets, Targets, "the targets").signed) if octets else None
    return Fetched(AUTHORITY_TARGET, sha256_of(file, AUTHORITY_TARGET), file.length) if file else None
