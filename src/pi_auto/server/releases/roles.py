"""The four roles' metadata: how they are made, and how one vouches for the next. Pure.

Metadata come in and go out as bytes; python-tuf reads, verifies and writes them. Errors are ReleaseErrors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, cast

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    T,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.names import is_target
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.release import AUTHORITY_TARGET, MOST_ARCHIVE, MOST_METADATA, Release

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = Root.type, Targets.type, Snapshot.type, Timestamp.type
OFFLINE, ONLINE = (ROOT, TARGETS), (SNAPSHOT, TIMESTAMP)
ROOT_LASTS = timedelta(days=3 * 365)
TARGETS_LAST = timedelta(days=366)
SNAPSHOT_LASTS = timedelta(days=30)
TIMESTAMP_LASTS = timedelta(days=7)
SHA256 = "sha256"


@dataclass(frozen=True, slots=True)
class Listed:
    """A release as the signed targets list it; `size` in bytes, `sha256` in hex."""

    release: Release
    size: int
    sha256: str


def read(octets: bytes, kind: type[T], what: str) -> Metadata[T]:
    """Metadata of a kind, not verified yet; `what` names them."""
    if len(octets) > MOST_METADATA:
        raise ReleaseError(f"{what} has {len(octets)} bytes; allowed: at most {MOST_METADATA}")
    try:
        found: Metadata[Any] = Metadata.from_bytes(octets)
    except DeserializationError as error:
        cause = error.__cause__ or error
        why = f"{cause} is missing" if isinstance(cause, KeyError) else cause
        raise ReleaseError(f"{what} is no TUF metadata: {why}") from error
    if not isinstance(found.signed, kind):
        raise ReleaseError(f"{what} is metadata of the role {found.signed.type}; allowed: {kind.__name__.lower()}")
    return cast("Metadata[T]", found)


def new_root(keys: Mapping[str, tuple[Sequence[Key], int]], version: int, now: datetime) -> Metadata[Root]:
    """An unsigned root. `keys` are each role's, with how many of them have to sign."""
    roles = {role: Role([], threshold) for role, (_, threshold) in keys.items()}
    root = Root(version=version, expires=whole_seconds(now + ROOT_LASTS), roles=roles, consistent_snapshot=True)
    for role, (held, _) in keys.items():
        for key in held:
            root.add_key(key, role)
    return Metadata(root)


def is_signed(root: Metadata[Root], before: Root | None) -> bool:
    """Whether a root has all the signatures that it needs: of its own keys, and of those `before` it."""
    payload = root.signed_bytes
    return root.signed.get_root_verification_result(before, payload, root.signatures).verified


def follow(roots: Sequence[bytes], before: Root | None = None) -> Root:
    """The last of a chain of roots, each signed by the one before it; the first by itself or by `before`."""
    for octets in roots:
        root = read(octets, Root, "a root")
        what = f"the root of version {root.signed.version}"
        if before and root.signed.version != before.version + 1:
            raise ReleaseError(f"{what} does not follow version {before.version}; bring all roots between them")
        if not is_signed(root, before):
            raise ReleaseError(f"{what} lacks signatures: have its key holders run `release sign DIR --key FILE`")
        before = root.signed
    if before is None:
        raise ReleaseError("there is no root")
    return before


def verify(root: Root, metadata: Metadata[T], what: str) -> T:
    """What the metadata hold, if they are signed as the root wants it."""
    signed = metadata.signed
    try:
        root.verify_delegate(signed.type, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise ReleaseError(f"{what} is not signed as root version {root.version} wants it: {error}") from error
    return signed


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


def snapshot_of(targets: bytes, version: int, of: int, now: datetime) -> Snapshot:
    """A snapshot that names these targets, of version `of`."""
    meta = {"targets.json": _with_version(targets, of)}
    return Snapshot(version=version, expires=whole_seconds(now + SNAPSHOT_LASTS), meta=meta)


def timestamp_of(snapshot: bytes, version: int, of: int, now: datetime) -> Timestamp:
    """A timestamp that names this snapshot."""
    expires = whole_seconds(now + TIMESTAMP_LASTS)
    return Timestamp(version=version, expires=expires, snapshot_meta=_with_version(snapshot, of))


def signed_by(signed: Signed, signers: Iterable[Signer]) -> bytes:
    """The metadata as they are kept and served."""
    metadata: Metadata[Any] = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def whole_seconds(moment: datetime) -> datetime:
    """TUF knows nothing finer."""
    return moment.replace(microsecond=0)


def _with_version(octets: bytes, version: int) -> MetaFile:
    return MetaFile.from_data(version, octets, [SHA256])


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
