"""The four roles' metadata: how they are made, and how one vouches for the next. Pure.

Metadata come in and go out as bytes; python-tuf reads, verifies and writes them. Errors are ReleaseErrors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    T,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.wire.release import MOST_METADATA

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = Root.type, Targets.type, Snapshot.type, Timestamp.type
OFFLINE, ONLINE = (ROOT, TARGETS), (SNAPSHOT, TIMESTAMP)
ROOT_LASTS = timedelta(days=3 * 365)
TARGETS_LAST = timedelta(days=366)
SNAPSHOT_LASTS = timedelta(days=30)
TIMESTAMP_LASTS = timedelta(days=7)
SHA256 = "sha256"


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


def sign_with(metadata: Metadata[Root] | Metadata[Targets], signers: Iterable[Signer]) -> None:
    """Add their signatures. Raises ReleaseError for one that cannot sign."""
    for signer in signers:
        try:
            metadata.sign(signer, append=True)
        except UnsignedMetadataError as error:
            raise ReleaseError(f"the key {signer.public_key.keyid[:16]} does not sign: {error}") from error


def whole_seconds(moment: datetime) -> datetime:
    """TUF knows nothing finer."""
    return moment.replace(microsecond=0)


def _with_version(octets: bytes, version: int) -> MetaFile:
    return MetaFile.from_data(version, octets, [SHA256])
