"""What a developer does at the signing folder: list a release or the fleet's authority, withdraw, renew, rotate.

Each makes the next version of targets or root, unsigned; `Desk.sign` then signs what it can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from pi_auto.server.releases.archives import Archive
from pi_auto.server.releases.desk import Desk
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.listed import authority_counter, read_authority, releases_in, sha256_of
from pi_auto.server.releases.names import stored_name
from pi_auto.server.releases.roles import (
    OFFLINE,
    ONLINE,
    ROOT_LASTS,
    SHA256,
    TARGETS,
    TARGETS_LAST,
    follow,
    new_root,
    whole_seconds,
)
from pi_auto.wire.errors import FieldError
from pi_auto.wire.release import AUTHORITY_TARGET, Release, target_of


def add_release(desk: Desk, archive: Archive, release: Release, now: datetime) -> None:
    """List a release. Raises ReleaseError where its version is listed, or it was built for another fleet."""
    targets = _next_targets(desk, now)
    if release.target in targets.signed.targets:
        raise ReleaseError(f"version {release.version} is listed; what is released once never changes")
    if archive.root is not None and archive.root not in desk.roots():
        raise ReleaseError("the archive holds another fleet's update root; build it with these keys")
    if release.least_counter >= release.counter:
        raise ReleaseError(f"--least-counter is {release.least_counter}; allowed: below {release.counter}")
    try:
        Release.from_json(release.to_json())
    except FieldError as error:
        raise ReleaseError(f"the release: {error}") from error
    _list(desk, targets, release.target, archive.octets, release.to_json())
    desk.note_counter(release.counter)
    desk.put_targets(targets)


def add_authority(desk: Desk, card: bytes, now: datetime) -> None:
    """List a fleet card as the fleet's authority, in place of the one before."""
    read_authority(card)
    targets = _next_targets(desk, now)
    held = targets.signed.targets.get(AUTHORITY_TARGET)
    counter = authority_counter(held) + 1 if held else 1
    _unlist(desk, targets, AUTHORITY_TARGET)
    _list(desk, targets, AUTHORITY_TARGET, card, {"counter": counter})
    desk.put_targets(targets)


def withdraw(desk: Desk, version: str, now: datetime) -> None:
    """List a release no more: no device that has seen that takes it."""
    targets = _next_targets(desk, now)
    if target_of(version) not in targets.signed.targets:
        listed = ", ".join(one.release.version for one in releases_in(targets.signed)) or "none"
        raise ReleaseError(f"version {version} is not listed; listed: {listed}")
    _unlist(desk, targets, target_of(version))
    desk.put_targets(targets)


def renew(desk: Desk, role: str, now: datetime) -> None:
    """Let root or targets be good for longer: the next version, which says the same."""
    if role == TARGETS:
        desk.put_targets(_next_targets(desk, now))
        return
    root = desk.signed_root().signed
    root.version, root.expires = root.version + 1, whole_seconds(now + ROOT_LASTS)
    desk.put_root(Metadata(root))


def rotate(
    desk: Desk, roles: Sequence[str], others: dict[str, list[Key]], numbers: tuple[int, int] | None,
    passphrase: str, online: Key | None, now: datetime,
) -> list[CryptoSigner]:  # fmt: skip
    """The next root, with other keys for `roles` and maybe for the server; the new keys, which have to sign too.

    `numbers` as in make_desk; without them a role keeps its own.
    """
    before = desk.signed_root().signed
    keys = {role: _held(before, role) for role in (*OFFLINE, *ONLINE)}
    made: list[CryptoSigner] = []
    for role in roles:
        count, threshold = numbers or (len(keys[role][0]), keys[role][1])
        elsewhere = others.get(role, [])
        new = desk.new_keys(role, count - len(elsewhere), before.version + 1, passphrase)
        keys[role] = ([*elsewhere, *(signer.public_key for signer in new)], threshold)
        made += new
    if online:
        keys |= {role: ([online], 1) for role in ONLINE}
    root = new_root(keys, before.version + 1, now)
    if TARGETS in roles:  # signed anew by keys that only the new root knows
        desk.put_targets(_next_targets(desk, now))
    desk.put_root(root)
    return made


def _held(root: Root, role: str) -> tuple[Sequence[Key], int]:
    held = root.roles[role]
    return [root.keys[keyid] for keyid in held.keyids], held.threshold


def _next_targets(desk: Desk, now: datetime) -> Metadata[Targets]:
    """The next version, without signatures, of what is listed now."""
    follow(desk.roots())
    held = desk.targets()
    if held is None:
        raise ReleaseError(f"{desk.folder} has no targets; bring its bundle back")
    held.signed.version += 1
    held.signed.expires = whole_seconds(now + TARGETS_LAST)
    return Metadata(held.signed)


def _list(desk: Desk, targets: Metadata[Targets], name: str, octets: bytes, custom: dict[str, Any]) -> None:
    file = TargetFile.from_data(name, octets, [SHA256])
    file.unrecognized_fields["custom"] = custom
    desk.put_target(stored_name(name, hashlib.sha256(octets).hexdigest()), octets)
    targets.signed.targets[name] = file


def _unlist(desk: Desk, targets: Metadata[Targets], name: str) -> None:
    if file := targets.signed.targets.pop(name, None):
        desk.drop_target(stored_name(name, sha256_of(file, name)))
