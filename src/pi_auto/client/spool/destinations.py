"""Where records go from a spool, each destination with a mark of its own."""

from __future__ import annotations

API, HUB = "api", "hub"
DESTINATIONS = (API, HUB)


def known(destination: str) -> str:
    """The destination, if it is one; ValueError else."""
    if destination not in DESTINATIONS:
        raise ValueError(f"destination is {destination!r}; allowed: {', '.join(DESTINATIONS)}")
    return destination
