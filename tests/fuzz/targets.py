"""All targets, by name."""

from __future__ import annotations

from fuzz import capture_targets, client_targets, hub_targets, server_targets, wire_targets
from fuzz.target import Target

TARGETS: tuple[Target, ...] = (
    *wire_targets.TARGETS, *hub_targets.TARGETS, *capture_targets.TARGETS, *client_targets.TARGETS,
    *server_targets.TARGETS,
)  # fmt: skip


def named(name: str) -> Target:
    """The target of that name. Raises KeyError."""
    return {target.name: target for target in TARGETS}[name]


if __name__ == "__main__":
    print(*(target.name for target in TARGETS))
