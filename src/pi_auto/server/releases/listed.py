"""What the signed targets list: releases, and the fleet's authority. Pure; errors are ReleaseErrors."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tuf.api.metadata import TargetFile, Targets

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.names import is_target
from pi_auto.server.releases.roles import SHA256, follow
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.release import AUTHORITY_TARGET, MOST_ARCHIVE, Release


@dataclass(frozen=True, slots=True)
class Listed:
    """A release as the signed targets list it; `size` in bytes, `sha256` in hex."""

    release: Release
    size: int
    sha256: str


def releases_in(targets: Targets) -> list[Listed]:
    """All releases, by counter. Raises ReleaseError for anything among the targets that devices would not take."""
    if targets.delegations is not None:
        raise ReleaseError("the targets delegate to others; allowed: none")
    found = [_listed(name, file) for name, file in targets.targets.items() if name != AUTHORITY_TARGET]
    found.sort(key=lambda one: one.release.counter)
    for one, next_one in pairwise(found):
        if one.release.counter == next_one.release.counter:
            raise ReleaseError(f"{one.release.target} and {next_one.release.target} have one counter")
    return found


def authority_in(targets: Targets) -> TargetFile | None:
    """The target that holds the fleet's authority, if there is one. Raises ReleaseError."""
    file = targets.targets.get(AUTHORITY_TARGET)
    if file:
        authority_counter(file)
    return file


def authority_counter(file: TargetFile) -> int:
    """How often the fleet's authority has changed: no device goes back behind it."""
    try:
        return Fields(file.custom, "custom").integer("counter", least=1)
    except FieldError as error:
        raise ReleaseError(f"the target {AUTHORITY_TARGET}: {error}") from error


def read_authority(octets: bytes) -> FleetCard:
    """The fleet's authority: a fleet card that lets nobody in."""
    try:
        card = FleetCard.parse(octets)
    except FieldError as error:
        raise ReleaseError(f"the fleet card is not one: {error}") from error
    if card.batch_token:
        raise ReleaseError("the fleet card holds a batch token, which all could read; make one without --batch")
    return card


def check_authority(octets: bytes) -> None:
    """Whether devices can go on with that card: one without a root would end their updates for ever."""
    card = read_authority(octets)
    if card.update_root is None:
        raise ReleaseError("the fleet card names no update root; print it once one was published or adopted")
    follow([card.update_root.encode()])


def sha256_of(file: TargetFile, name: str) -> str:
    """The one hash that counts."""
    if set(file.hashes) != {SHA256}:
        raise ReleaseError(f"{name} has the hashes {', '.join(sorted(file.hashes))}; allowed: {SHA256} alone")
    return str(file.hashes[SHA256])


def _listed(name: str, file: TargetFile) -> Listed:
    if not is_target(name):
        raise ReleaseError(f"the target {name!r} is none of ours; allowed: client/VERSION/pi_auto_client.py")
    try:
        release = Release.from_json(file.custom)
    except FieldError as error:
        raise ReleaseError(f"the target {name}: {error}") from error
    if release.target != name:
        raise ReleaseError(f"the target {name} says that it is version {release.version}")
    if not 0 < file.length <= MOST_ARCHIVE:
        raise ReleaseError(f"the target {name} has {file.length} bytes; allowed: 1 to {MOST_ARCHIVE}")
    return Listed(release, file.length, sha256_of(file, name))
