"""The root of all trust in updates: it comes with the fleet card or with the running release, not by network."""

from __future__ import annotations

from pathlib import Path

import pi_auto
from pi_auto.wire.fleet_card import FleetCard

_FILE = "appliance/update_root.json"
_MOST = 64 * 1024  # bytes


def update_root(card: FleetCard | None, home: Path | None = None) -> str | None:
    """Its text; None where nobody has told this device one. `home` is where the running release is unpacked."""
    if card and card.update_root:
        return card.update_root
    try:
        with ((home or running_release()) / _FILE).open(encoding="utf-8") as file:
            return file.read(_MOST)
    except (OSError, ValueError):
        return None


def running_release() -> Path:
    """The folder whose files are this release's own, by the names they have in its archive."""
    return Path(pi_auto.__file__).resolve().parents[1]
