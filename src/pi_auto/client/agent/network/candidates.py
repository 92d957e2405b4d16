"""Where the fleet's server may be, best guess first. Pure.

None of these is believed: each has to prove the fleet. So a guess may come from anybody, and
a wrong one costs a connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pi_auto.wire.server_address import ServerAddress

LAST_GOOD, SETTING, CARD = "where it was last", "the settings", "the fleet card"
MOST = 24


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address, and who named it."""

    address: ServerAddress
    source: str

    def __str__(self) -> str:
        return f"{self.address} ({self.source})"


def in_order(
    last_good: ServerAddress | None, setting: Iterable[ServerAddress], card: Iterable[ServerAddress]
) -> list[Candidate]:
    """Each address once, by whoever names it first."""
    last = [last_good] if last_good else []
    found: dict[ServerAddress, Candidate] = {}
    for source, addresses in ((LAST_GOOD, last), (SETTING, setting), (CARD, card)):
        for address in addresses:
            found.setdefault(address, Candidate(address, source))
    return list(found.values())[:MOST]
