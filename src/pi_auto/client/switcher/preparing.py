"""Makes a release ready to be switched to, and changes nothing that runs: every step may be done again.

Taken, believed, allowed, unpacked, tried by a self-test, backed up. Whatever is in the way is a
Refused with the reason, told to the fleet.
"""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pi_auto.client.appliance.errors import SetupFailed, TookTooLong
from pi_auto.client.appliance.release import prune, unpack, version_of
from pi_auto.client.planted import Unsafe, read_own
from pi_auto.client.switcher.backing_up import back_up, queue_bytes
from pi_auto.client.switcher.errors import Refused, SelfTestFailed
from pi_auto.client.switcher.ledger import Ledger
from pi_auto.client.switcher.services import AGENT, CAPTURE, CannotRun, python
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.staying import still_needed
from pi_auto.client.switcher.taking import Taken
from pi_auto.client.switcher.telling import tell_counter
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard
from pi_auto.wire.release import Release

if TYPE_CHECKING:  # it loads python-tuf, which going on needs not
    from pi_auto.client.switcher.believing import Authority, Believed

RESERVE = 32 * 1024 * 1024  # bytes that scans and logs need meanwhile
_VERSION = "app/appliance/version"


@dataclass(frozen=True, slots=True)
class Ready:
    """A release that may be switched to: its folder, and that of the one that runs."""

    release: Release
    digest: str
    new: Path
    former: Path
    authority: Authority


def running_version(site: Site) -> str:
    """The version of the release that runs; empty where none does."""
    running = site.running()
    try:
        return (running / _VERSION).read_text("ascii").strip() if running else ""
    except (OSError, ValueError):
        return ""


def fleet_of(site: Site) -> str:
    """The id of the fleet that this device belongs to; empty without a card that can be read."""
    try:
        octets = read_own(site.card, MOST_CARD, site.owner)
        return FleetCard.parse(octets).fleet_id if octets else ""
    except (Unsafe, FieldError, OSError):
        return ""


def release_of(believed: Believed, taken: Taken) -> Release:
    """What was signed of the release that was handed over. Raises Refused."""
    try:
        release = Release.from_json(believed.custom)
    except FieldError as error:
        raise Refused(f"what is signed of {taken.request.target}: {error}") from None
    if release.target != taken.request.target:
        raise Refused(f"{taken.request.target} is signed as version {release.version}")
    return release


def allow(site: Site, release: Release, believed: Believed, ledger: Ledger) -> None:
    """Raise Refused for what this device must not take, or cannot take now; OSError where nothing can be told."""
    if believed.digest in ledger.never:
        raise Refused(f"this archive has failed here before: {ledger.never[believed.digest]}")
    own = max(ledger.floor, believed.own)
    tell_counter(site.told, own, owner=site.owner)
    if release.counter < own:
        raise Refused(f"release counter {release.counter} is below {own}, which this device has had: a downgrade")
    if release.least_counter > own:
        raise Refused(f"release counter {release.least_counter} has to be taken first; this device is at {own}")
    if missing := site.services.missing(release.packages):
        raise Refused(f"Debian packages are missing: {', '.join(missing)}", later=True)
    _check_room(site, release)
    _wait_for_the_system(site)


def make_ready(site: Site, taken: Taken, release: Release, authority: Authority) -> Ready:
    """Unpack it, try it, back up. Raises Refused, SelfTestFailed and OSError."""
    former = site.running()
    if former is None:
        raise Refused("no release runs here that could be gone back to")
    os.umask(0o022)
    new = _unpacked(site, taken, release)
    site.passed("unpacked")
    if new == former:
        raise Refused("this archive runs already")
    try_release(site, new)
    site.passed("tried out")
    back_up(site, running_version(site) or former.name)
    site.passed("backed up")
    return Ready(release, taken.digest, new, former, authority)


def _check_room(site: Site, release: Release) -> None:
    """Releases that were gone back from make room, or they would keep away every other one for good."""
    if _lacks_room(site, release):
        prune(site.opt, still_needed(site))
    if lacking := _lacks_room(site, release):
        raise Refused(lacking, later=True)


def _lacks_room(site: Site, release: Release) -> str:
    needed = 2 * release.unpacked + RESERVE
    for folder, more in ((site.opt, 0), (site.state, queue_bytes(site))):
        free = shutil.disk_usage(folder).free
        if free < needed + more:
            return f"{folder}: {free} bytes are free; {needed + more} are needed"
    return ""


def _wait_for_the_system(site: Site) -> None:
    """Its own updates restart services and take the processor, which would be blamed on the release.

    Once a trial has begun, they do not start (apt-daily-upgrade.service.d).
    """
    until = time.monotonic() + site.patience.turn
    while site.services.installs():
        if time.monotonic() >= until:
            raise Refused("the system installs updates of its own just now", later=True)
        time.sleep(site.patience.look)


def _unpacked(site: Site, taken: Taken, release: Release) -> Path:
    try:
        if version_of(taken.archive) != release.version:
            raise Refused(f"the archive holds version {version_of(taken.archive)}, and not {release.version}")
        with zipfile.ZipFile(taken.archive) as opened:
            size = sum(member.file_size for member in opened.infolist())
        if size > release.unpacked:
            raise Refused(
                f"the archive unpacks to {size} bytes, and not to the {release.unpacked} that are signed"
            )
        return unpack(taken.archive, site.opt)
    except (SetupFailed, ValueError, NotImplementedError) as error:
        raise Refused(f"the archive cannot be unpacked: {error}") from None


def try_release(site: Site, release: Path) -> None:
    """Let it load all that its services need, as the users that these run as. Raises SelfTestFailed."""
    for user in (AGENT, CAPTURE):
        try:
            site.services.run_as(user, python(release / "app", "self-test"), site.patience.self_test)
        except (CannotRun, TookTooLong) as error:
            raise Refused(f"its self-test as {user} did not get to its end: {error}", later=True) from None
        except SetupFailed as error:
            raise SelfTestFailed(f"its self-test as {user} has failed: {error}") from None
