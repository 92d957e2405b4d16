"""Decides whether root believes a target: TUF's client workflow over the copies, from the root the card names.

The trusted metadata lie in root's own folder, one for each root that a card has named, so that
none older is ever believed there; where they are lost, the embedded root begins them anew, and
the floor in the ledger still holds. Loads python-tuf, which is costly: only while updating.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api.exceptions import DownloadError, DownloadHTTPError, ExpiredMetadataError, RepositoryError
from tuf.api.metadata import TargetFile
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from pi_auto.client.clockfloor.floor import FOLDER, built, told_floor
from pi_auto.client.clockfloor.raising import SLACK_SYNCED
from pi_auto.client.planted import Unsafe, read_own
from pi_auto.client.rootchain import LIMITS, newest_root, refreshed
from pi_auto.client.switcher.errors import Refused
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.taking import Taken
from pi_auto.client.switcher.telling import tell_root
from pi_auto.files import fsync_folder
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard
from pi_auto.wire.release import MOST_METADATA, target_of

_EMBEDDED = "app/appliance/update_root.json"  # of a release that was built for one fleet
_NO_ROOT = (
    "this device has no update root, so it takes no update: neither its fleet card nor its release names one"
)
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Authority:
    """Whom this device believes: the fleet's id (empty without a card) and the root of its updates."""

    fleet: str
    root: bytes


@dataclass(frozen=True, slots=True)
class Believed:
    """A target that the fleet has signed. `own` is the counter of the release that runs, 0 where none is named."""

    custom: object
    digest: str
    own: int


def authority_of(site: Site) -> Authority:
    """As the card says, else the release that runs. Raises Refused and OSError."""
    try:
        octets = read_own(site.card, MOST_CARD, site.owner)
        card = FleetCard.parse(octets) if octets is not None else None
    except (Unsafe, FieldError) as error:
        raise Refused(f"the fleet card of this device cannot be believed: {error}", later=True) from None
    fleet = card.fleet_id if card else ""
    if card and card.update_root:
        return Authority(fleet, card.update_root.encode())
    running = site.running()
    try:
        embedded = read_own(running / _EMBEDDED, MOST_METADATA, site.owner) if running else None
    except Unsafe as error:
        raise Refused(f"the update root of this release cannot be believed: {error}", later=True) from None
    if embedded is None:
        raise Refused(_NO_ROOT, later=True)
    return Authority(fleet, embedded)


def believe(site: Site, taken: Taken, authority: Authority, running: str) -> Believed:
    """What the fleet has signed of the target that was handed over. Raises Refused and OSError.

    `running` is the version that runs.
    """
    _check_clock(site)
    trusted = site.own / "trust" / hashlib.sha256(authority.root).hexdigest()[:16]
    trusted.mkdir(parents=True, exist_ok=True, mode=0o700)
    copies = _Copies(taken.metadata)

    def updater_from(root: bytes) -> Updater:
        return Updater(str(trusted), "copied:/", fetcher=copies, config=LIMITS, bootstrap=root)

    try:
        updater = refreshed(updater_from, authority.root, trusted)
        found = updater.get_targetinfo(taken.request.target)
        here = updater.get_targetinfo(target_of(running))
    except ExpiredMetadataError as error:
        raise Refused(f"{error}, by this device's clock ({_now():%Y-%m-%d %H:%M} UTC)", later=True) from None
    except (RepositoryError, DownloadError, ValueError) as error:
        raise Refused(f"the signed metadata are not believed: {error}", later=True) from None
    finally:
        _keep(trusted)
        tell_root(site.told, newest_root(trusted), owner=site.owner)
    if found is None:
        raise Refused(f"the fleet has signed no {taken.request.target}")
    return Believed(found.unrecognized_fields.get("custom"), _checked(found, taken), _counter(here))


class _Copies(FetcherInterface):
    """Hands python-tuf the copies; those of consistent snapshots are asked for with their version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.rsplit("/", 1)[-1]
        if not name.endswith(".root.json"):
            name = ".".join(name.split(".")[-2:])
        try:
            return iter([(self._folder / name).read_bytes()])
        except FileNotFoundError:
            raise DownloadHTTPError(f"{name} was not handed over", _NOT_FOUND) from None


def _checked(found: TargetFile, taken: Taken) -> str:
    """The archive's SHA-256, if the copy is what was signed."""
    signed = found.hashes.get("sha256")
    if signed is None:
        raise Refused(f"{found.path} is signed without its SHA-256")
    try:
        with taken.archive.open("rb") as copy:
            found.verify_length_and_hashes(copy)
    except RepositoryError:
        signed = None
    if signed is None or signed != taken.digest or signed != taken.request.update_id:
        raise Refused("the archive that was handed over is not the one that was signed", later=True)
    return signed


def _counter(here: TargetFile | None) -> int:
    custom: Any = here.unrecognized_fields.get("custom") if here else None
    counter = custom.get("counter") if isinstance(custom, dict) else 0
    return counter if isinstance(counter, int) else 0


def _check_clock(site: Site) -> None:
    """A clock that is behind would take metadata for good that have expired."""
    kept = told_floor(site.root / FOLDER)
    floor = max(built(), kept.time) if kept else built()
    if _now() + SLACK_SYNCED < floor:
        raise Refused(f"the clock of this device says {_now():%Y-%m-%d}, which cannot be", later=True)


def _now() -> datetime:
    return datetime.now(UTC)


def _keep(folder: Path) -> None:
    """Make durable what python-tuf has written, which does not do so itself."""
    for parent, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(parent) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        fsync_folder(Path(parent))
