"""Adopts a bundle: verified, then served whole from one moment to the next, then entered in the books.

Power may go at any line: archives that nothing names yet are of no consequence, the generation counts
once it has its name, and the books, which are a copy (entering.py), follow at the next start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import Signer

from pi_auto.server.releases.accepting import Accepted, accept
from pi_auto.server.releases.bundle import Bundle, read_bundle
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.listed import Listed, check_authority, sha256_of
from pi_auto.server.releases.names import name_of, stored_name
from pi_auto.server.releases.resigning import sign_online
from pi_auto.server.releases.roles import SNAPSHOT, TARGETS
from pi_auto.server.releases.shelf import Shelf
from pi_auto.wire.release import AUTHORITY_TARGET

Known = Collection[tuple[int, str, str]]
_READ_AT_ONCE = 1024 * 1024  # bytes


def publish(shelf: Shelf, folder: Path, signer: Signer, known: Known, now: datetime) -> Accepted:
    """Adopt the bundle in `folder`. `known` are counter, version and hash of all releases that there ever were.

    Raises ReleaseError, and nothing has changed then.
    """
    bundle = read_bundle(folder)
    with shelf.locked():
        held = shelf.targets()
        accepted = accept(shelf.roots(), held, bundle.roots, bundle.targets, signer.public_key.keyid, now)
        _check_counters(accepted.releases, known)
        _take_files(shelf, bundle, accepted)
        shelf.publish(accepted.files | _still_read(shelf) | _signed(shelf, accepted, signer, now))
        if accepted.targets:
            listed = accepted.targets.targets.items()
            shelf.keep_targets({stored_name(name, sha256_of(file, name)) for name, file in listed})
    return accepted


def _check_counters(listed: Collection[Listed], known: Known) -> None:
    """What was published once stays what it was: as it is in the books, and as devices have seen it."""
    counters = {sha256: counter for counter, _, sha256 in known}
    versions, highest = {version for _, version, _ in known}, max(counters.values(), default=0)
    for one in listed:
        if one.release.counter == counters.get(one.sha256):
            continue
        if one.sha256 in counters or one.release.version in versions:
            raise ReleaseError(
                f"{one.release.version} was published before, and is withdrawn; release it under another version"
                " (`release build --as-version`)"
            )
        if one.release.counter <= highest:
            raise ReleaseError(
                f"{one.release.version} has the counter {one.release.counter}, and {highest} was published;"
                " a release that is to be taken needs a higher one"
            )


def _take_files(shelf: Shelf, bundle: Bundle, accepted: Accepted) -> None:
    """Verify every file that the targets list, and put those in place that are new."""
    if accepted.targets is None:
        return
    for name, file in accepted.targets.targets.items():
        sha256 = sha256_of(file, name)
        if shelf.target(name, sha256).exists():
            continue
        source = bundle.files.get((name, sha256))
        if source is None:
            raise ReleaseError(f"the bundle lacks the file of {name}, {sha256[:16]}…; carry all of `bundle`")
        if (source.stat().st_size, _sha256(source)) != (file.length, sha256):
            raise ReleaseError(f"the bundle's file of {name} is not the one that was signed; carry it again")
        if name == AUTHORITY_TARGET:
            check_authority(source.read_bytes())
        shelf.take_target(name, sha256, source)


def _still_read(shelf: Shelf) -> dict[str, bytes]:
    """What a device may be about to fetch that has read the timestamp a moment ago."""
    place = shelf.generation()
    names = [path.name for path in place.iterdir()] if place else []
    return {n: o for n in names if n.split(".")[1] in {SNAPSHOT, TARGETS} and (o := shelf.read(n)) is not None}


def _signed(shelf: Shelf, accepted: Accepted, signer: Signer, now: datetime) -> dict[str, bytes]:
    if accepted.targets is None:
        return {}
    targets = accepted.files[name_of(TARGETS, accepted.targets.version)]
    return sign_online(targets, (shelf.snapshot(), shelf.timestamp()), signer, now)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()
