"""How metadata and archives are called, on the server and in what is carried to it. Pure.

Source: the TUF specification, consistent snapshots: `<version>.<role>.json` for all but the timestamp,
`<sha256>.<name>` for targets.
"""

from __future__ import annotations

import re

from pi_auto.wire.release import AUTHORITY_TARGET, TARGET

TIMESTAMP = "timestamp.json"
METADATA = re.compile(r"(?:timestamp|[1-9][0-9]{0,14}\.(?:root|snapshot|targets))\.json\Z")
_VERSIONED = re.compile(r"([1-9][0-9]{0,14})\.(root|snapshot|targets)\.json\Z")
_STORED = re.compile(r"((?:client/[^/]+|fleet)/)([0-9a-f]{64})\.([a-z_]+\.[a-z]+)\Z")


def name_of(role: str, version: int) -> str:
    """The file of a role's version."""
    return f"{version}.{role}.json"


def version_in(name: str, role: str) -> int | None:
    """The version in a file's name, where it is of that role."""
    found = _VERSIONED.match(name)
    return int(found[1]) if found and found[2] == role else None


def stored_name(target: str, sha256: str) -> str:
    """Where a target lies under the folder of targets."""
    folder, _, name = target.rpartition("/")
    return f"{folder}/{sha256}.{name}"


def target_in(stored: str) -> tuple[str, str] | None:
    """The target and the SHA-256 that a path under the folder of targets is of; None for any other path."""
    found = _STORED.match(stored)
    target = found and found[1] + found[3]
    return (target, found[2]) if found and target and is_target(target) else None


def is_target(name: str) -> bool:
    """Whether the fleet's metadata may hold a target of this name."""
    return name == AUTHORITY_TARGET or TARGET.match(name) is not None
