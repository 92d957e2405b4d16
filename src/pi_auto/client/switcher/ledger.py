"""What root remembers of updates for good: floors, what was committed, and what is never tried again.

It counts for one fleet: a device that is given to another one starts anew. Kept in root's own folder.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pi_auto.client.planted import read_own
from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.strict_json import read_strictly

FILE = "ledger.json"
_MOST = 64 * 1024  # bytes
_MOST_READ = 16 * _MOST  # to tell what makes no sense from what somebody else has written
_MOST_NEVER = 64  # digests; the oldest go
_MOST_REASON = 512
log = logging.getLogger("pi_auto.switcher")


@dataclass(frozen=True, slots=True)
class Ledger:
    """`floor` is the highest counter that was committed, `digest` what was committed last.

    `release` is the folder of that. `never` tells for digests why they are not tried again, `fell` in which trial
    one did not come up.
    """

    fleet: str
    floor: int = 0
    authority: int = 0
    digest: str = ""
    release: str = ""
    never: dict[str, str] = field(default_factory=dict)
    fell: dict[str, str] = field(default_factory=dict)

    def committed(self, digest: str, counter: int, release: str) -> Ledger:
        """After a release has shown that it works. The floor never sinks."""
        return replace(self, floor=max(self.floor, counter), digest=digest, release=release)

    def blamed(self, digest: str, reason: str) -> Ledger:
        """After a release has shown that it does not."""
        return replace(self, never=_newest(self.never | {digest: reason[:_MOST_REASON]}))

    def fallen(self, digest: str, trial: str) -> Ledger:
        """After a release did not come up, which power cuts may look like."""
        return replace(self, fell=_newest(self.fell | {digest: trial}))

    def keep(self, folder: Path) -> None:
        """Write it, durably. Raises OSError. What is too long to be read again goes, the oldest blame first."""
        kept = self
        while len(octets := json.dumps(asdict(kept)) + "\n") > _MOST and kept.never:
            kept = replace(kept, never=dict(list(kept.never.items())[1:]))
        write_whole(folder / FILE, octets, mode=0o600)


def ledger_in(folder: Path, fleet: str, owner: int = 0) -> Ledger:
    """What is kept for this fleet. Raises OSError, and Unsafe where somebody else may have written it.

    What makes no sense is none: it was written whole, so it is the disk that has lost it. Neither an update nor
    the way back from one must wait for it for ever; what runs is still a floor, by what is signed of it.
    """
    octets = read_own(folder / FILE, _MOST_READ, owner)
    try:
        kept = _read(Fields(read_strictly(octets, "the ledger of updates", most=_MOST))) if octets else None
    except FieldError as error:
        log.warning("what was remembered of updates is lost: %s", error)
        kept = None
    return kept if kept and kept.fleet == fleet else Ledger(fleet)


def _read(fields: Fields) -> Ledger:
    return Ledger(
        fleet=fields.text("fleet", most=64, least=0),
        floor=fields.integer("floor"),
        authority=fields.integer("authority"),
        digest=fields.text("digest", most=64, least=0),
        release=fields.text("release", most=128, least=0),
        never=dict(fields.object("never").raw),
        fell=dict(fields.object("fell").raw),
    )


def _newest(told: dict[str, Any]) -> dict[str, Any]:
    return dict(list(told.items())[-_MOST_NEVER:])
