"""The server's own signatures, day by day: a device that hears nothing newer for a week believes nothing older.

Versions follow the clock, in minutes since 1970, and always grow: a server that came back from a
backup does not sign versions a second time that its devices have seen already.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from securesystemslib.signer import Signer
from tuf.api.metadata import Snapshot, Targets, Timestamp

from pi_auto.server.audit.trail import SERVER
from pi_auto.server.context import Context
from pi_auto.server.releases.entering import enter_all
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.names import name_of
from pi_auto.server.releases.online import open_online
from pi_auto.server.releases.roles import (
    ONLINE,
    SNAPSHOT,
    TIMESTAMP_LASTS,
    follow,
    read,
    signed_by,
    snapshot_of,
    timestamp_of,
)
from pi_auto.server.releases.shelf import Shelf

EVERY = timedelta(days=1)
_AT_START = timedelta(minutes=10)  # it may have come back from a backup, and devices know newer ones
_LOOK_EVERY = 600.0  # seconds
_log = logging.getLogger(__name__)


def keep_signed(context: Context) -> None:
    """Sign what is due at once, and then for as long as the server runs."""
    age = _AT_START
    while True:
        try:
            if age == _AT_START:
                enter_all(context, SERVER)  # what a power cut kept from the books
            sign_if_due(context, age)
            age = EVERY
        except Exception as error:  # noqa: BLE001 - whatever it is: devices are to get updates for days to come
            _log.error("updates could not be signed anew, which is tried again: %s", error)
        if context.stopping.wait(_LOOK_EVERY):
            return


def sign_if_due(context: Context, age: timedelta = EVERY) -> bool:
    """Sign the timestamp anew if it has that age; whether it had. Raises ReleaseError, OSError."""
    shelf, now = Shelf(context.settings.data), context.clock()
    if context.fleet is None or shelf.targets() is None or not is_due(shelf, now, age):
        return False
    signer = open_online(context.settings.data, context.fleet.key)
    with shelf.locked():
        if not is_due(shelf, now, age):
            return False  # another process has just done it
        sign_anew(shelf, signer, now)
    _log.info("updates are signed anew, good until %s", f"{now + TIMESTAMP_LASTS:%Y-%m-%d}")
    return True


def is_due(shelf: Shelf, now: datetime, age: timedelta = EVERY) -> bool:
    """Whether the timestamp has that age, or is from a future that a wrong clock has seen."""
    held = shelf.timestamp()
    if held is None:
        return True
    left = read(held, Timestamp, "the timestamp").signed.expires - now
    return left < TIMESTAMP_LASTS - age or left > TIMESTAMP_LASTS + EVERY


def sign_anew(shelf: Shelf, signer: Signer, now: datetime) -> None:
    """Sign snapshot and timestamp of what is there. Raises ReleaseError where the root names another key."""
    root, targets = follow(shelf.roots()), shelf.targets()
    if targets is None:
        raise ReleaseError("nothing is published yet")
    if any(signer.public_key.keyid not in root.roles[role].keyids for role in ONLINE):
        raise ReleaseError(f"root version {root.version} does not name this server's key")
    files = sign_online(targets, (shelf.snapshot(), shelf.timestamp()), signer, now)
    (snapshot, timestamp) = files.items()
    shelf.add(snapshot, timestamp[1])


def sign_online(
    targets: bytes, before: tuple[bytes | None, bytes | None], signer: Signer, now: datetime
) -> dict[str, bytes]:
    """Snapshot and timestamp for these targets, by name; `before` are those that are served so far."""
    old_snapshot, old_timestamp = before
    of = read(targets, Targets, "the targets").signed.version
    version = _next(read(old_snapshot, Snapshot, "the snapshot").signed.version if old_snapshot else 0, now)
    snapshot = signed_by(snapshot_of(targets, version, of, now), [signer])
    stamped = _next(read(old_timestamp, Timestamp, "the timestamp").signed.version if old_timestamp else 0, now)
    timestamp = signed_by(timestamp_of(snapshot, stamped, version, now), [signer])
    return {name_of(SNAPSHOT, version): snapshot, "timestamp.json": timestamp}


def _next(before: int, now: datetime) -> int:
    return max(before + 1, int(now.timestamp()) // 60)
