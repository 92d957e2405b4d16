"""What seeing to updates needs besides the office."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.agent.update.ledger import Ledger
from pi_auto.wire.fleet_card import FleetCard


@dataclass(frozen=True, slots=True)
class Means:
    """The `root` that is trusted, and `runtime`, where the switcher is woken.

    `wake` makes the runner look again who is due; `words` is the fetcher's command line, if not the usual one.
    """

    ledger: Ledger
    root: str | None
    card: FleetCard | None
    runtime: Path | None
    wake: Callable[[], None]
    words: tuple[str, ...] | None = None
