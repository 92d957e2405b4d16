"""The fleet card that this device has got by itself: by a code, or by trusting the first server that it found.

It lies in the agent's folder, whole or not at all, and counts only where no card was installed in /etc. Once it is
there no other one takes its place: only a factory reset, or a card of the installer's, ends it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pi_auto.client.binding.places import BOUND
from pi_auto.files import write_whole
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard
from pi_auto.wire.strict_json import read_strictly
from pi_auto.wire.times import format_time

BY_CODE, BY_FIRST = "code", "first server"
MOST = MOST_CARD + 4096  # bytes


@dataclass(frozen=True, slots=True)
class Bond:
    """Whose this device is, by what it knows that, since when, and where that server was."""

    card: FleetCard
    by: str
    at: datetime
    server: str

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        card = self.card.to_json()
        return {"by": self.by, "at": format_time(self.at), "server": self.server, "card": card}

    @classmethod
    def parse(cls, octets: bytes) -> Bond:
        """Read it. Raises FieldError."""
        fields = Fields(read_strictly(octets, BOUND, most=MOST))
        return cls(
            card=FleetCard.from_json(fields.object("card").raw),
            by=fields.choice("by", (BY_CODE, BY_FIRST)),
            at=fields.time("at"),
            server=fields.text("server", most=300),
        )


def keep_bond(folder: Path, bond: Bond) -> None:
    """Keep it, durably. Raises OSError, FileExistsError where there is one already."""
    if (folder / BOUND).exists():
        raise FileExistsError(f"{folder / BOUND} is there already")
    write_whole(folder / BOUND, json.dumps(bond.to_json()), mode=0o640)


def kept_bond(folder: Path) -> Bond | None:
    """What is kept; nothing if there is none. Raises OSError and FieldError where it cannot be used."""
    try:
        with (folder / BOUND).open("rb") as file:
            return Bond.parse(file.read(MOST + 1))
    except FileNotFoundError:
        return None
