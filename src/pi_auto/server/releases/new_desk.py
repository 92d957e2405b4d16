"""Fills a new signing folder: keys for the two offline roles, the first root, and targets that list nothing."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Metadata, Targets

from pi_auto.server.releases.desk import Desk
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.roles import (
    OFFLINE,
    ONLINE,
    ROOT,
    TARGETS,
    TARGETS_LAST,
    new_root,
    sign_with,
    whole_seconds,
)

Others = dict[str, list[Key]]  # public keys of a role whose secret halves are elsewhere
Numbers = tuple[int, int]  # how many keys a role has, and how many of them must sign


def make_desk(
    desk: Desk, online: Key, others: Others, numbers: tuple[int, int], passphrase: str, now: datetime
) -> Desk:
    """Fill a new signing folder: `numbers` are how many keys root and targets have each, and how many must sign.

    `others` are public keys whose secret halves are elsewhere; they are among that number.
    Raises ReleaseError, and leaves nothing behind then.
    """
    folder = desk.folder
    if folder.exists() and any(folder.iterdir()):
        raise ReleaseError(f"{folder} holds something already; name a folder that is empty or not there")
    made = folder.exists()
    try:
        return _make(desk, online, others, numbers, passphrase, now)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if made:
            folder.mkdir(mode=0o700)
        raise


def _make(
    desk: Desk, online: Key, others: Others, numbers: tuple[int, int], passphrase: str, now: datetime
) -> Desk:
    count, threshold = numbers
    desk.keys.mkdir(mode=0o700, parents=True)
    (desk.bundle / "metadata").mkdir(parents=True)
    signers: list[Signer] = []
    keys: dict[str, tuple[Sequence[Key], int]] = {role: ([online], 1) for role in ONLINE}
    for role in OFFLINE:
        elsewhere = others.get(role, [])
        if len(elsewhere) > count:
            raise ReleaseError(f"{len(elsewhere)} public keys are named for {role}; allowed: {count}, or --keys N")
        made = desk.new_keys(role, count - len(elsewhere), 1, passphrase)
        signers += made
        keys[role] = ([*elsewhere, *(signer.public_key for signer in made)], threshold)
    root, targets = new_root(keys, 1, now), new_targets(now)
    for metadata, role in ((root, ROOT), (targets, TARGETS)):
        ids = {key.keyid for key in keys[role][0]}
        sign_with(metadata, [signer for signer in signers if signer.public_key.keyid in ids])
    desk.put_root(root)
    desk.put_targets(targets)
    return desk


def new_targets(now: datetime) -> Metadata[Targets]:
    """Targets that list nothing yet."""
    return Metadata(Targets(version=1, expires=whole_seconds(now + TARGETS_LAST), targets={}))
