"""Releases on disk: unpacked whole or not at all, and one of them current.

    <opt>/releases/<version>/app/   what `python3 app` runs, byte-compiled
    <opt>/releases/<version>/bytecode.json   what was compiled of what
    <opt>/current                   link to the release that runs; replaced in one step
    <opt>/previous                  link to the one before, to go back to

An archive is a zip file as script/dist makes it. A release that is there and differs from its
archive is not written into, since it may be running: the repaired one gets a name of its own.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pi_auto.client.appliance.bytecode import compile_release
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.files import fsync_folder
from pi_auto.wire.release import RELEASED
from pi_auto.zips import DAMAGED

_VERSION_FILE = "appliance/version"
_MOST_BYTES = 64 * 1024 * 1024  # unpacked; a release has less than one
_UNFINISHED = ".unpacking-"


def version_of(archive: Path) -> str:
    """The version of the release in `archive`. Raises SetupFailed if it holds none."""
    try:
        with zipfile.ZipFile(archive) as opened:
            version = opened.read(_VERSION_FILE).decode("ascii", "replace").strip()
    except (OSError, *DAMAGED) as error:
        raise SetupFailed(f"{archive} holds no release ({error}); copy pi_auto_client.py again") from None
    if not RELEASED.match(version):
        raise SetupFailed(f"{archive} names its version {version!r}; copy pi_auto_client.py again")
    return version


def unpack(archive: Path, opt: Path) -> Path:
    """The folder of the release in `archive`, unpacked below `opt` unless it is there and whole already.

    Nothing that is in use changes. Raises SetupFailed, and OSError where the disk is full or the like.
    """
    releases = opt / "releases"
    releases.mkdir(parents=True, exist_ok=True, mode=0o755)
    for stale in releases.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(stale)
    for place in _names(releases, version_of(archive)):
        if not place.exists():
            _unpack_new(archive, place, current(opt))
            return place
        if _is_whole(archive, place):
            return place
    raise AssertionError("there is always one more name")


def switch(opt: Path, release: Path) -> None:
    """Make `release` the current one: the old or the new, never none, whenever the power goes."""
    before = current(opt)
    if before == release:
        return
    if before:
        _link(opt / "previous", before)
    _link(opt / "current", release)


def go_back(opt: Path, release: Path, previous: Path | None) -> None:
    """Make `release` current again, and `previous` what it was before it was left. Raises OSError."""
    if current(opt) != release:
        _link(opt / "current", release)
    point(opt, "previous", previous if previous and previous.is_dir() else None)


def current(opt: Path) -> Path | None:
    """The folder of the release that runs; None before the first."""
    link = opt / "current"
    return opt / link.readlink() if link.is_symlink() and link.exists() else None


def prune(opt: Path, needed: Iterable[Path] = ()) -> None:
    """Remove all releases but the current, the previous one, and those that are still `needed`."""
    kept = {path.resolve() for path in (opt / "current", opt / "previous", *needed)}
    for place in (opt / "releases").iterdir():
        if place.resolve() not in kept:
            shutil.rmtree(place, ignore_errors=True)


def point(opt: Path, name: str, release: Path | None) -> None:
    """Let the link `name` beside the others name a release, or be gone. Raises OSError."""
    if release:
        _link(opt / name, release)
    else:
        (opt / name).unlink(missing_ok=True)
        fsync_folder(opt)


def _names(releases: Path, version: str) -> Iterator[Path]:
    yield releases / version
    number = 1
    while True:
        number += 1
        yield releases / f"{version}-{number}"


def _unpack_new(archive: Path, place: Path, former: Path | None) -> None:
    temporary = place.with_name(f"{_UNFINISHED}{place.name}")
    try:
        for name, content, mode in _members(archive):
            file = temporary / "app" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(mode)
        compile_release(temporary, place, former)
        os.sync()  # all of it, before it gets its name
        temporary.rename(place)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    fsync_folder(place.parent)


def _is_whole(archive: Path, place: Path) -> bool:
    try:
        return all(
            (place / "app" / name).read_bytes() == content
            and (place / "app" / name).stat().st_mode & 0o777 == mode
            for name, content, mode in _members(archive)
        )
    except OSError:
        return False


def _members(archive: Path) -> Iterator[tuple[str, bytes, int]]:
    """Name, content and mode of every file; SetupFailed on anything that does not belong into a release."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            if sum(member.file_size for member in members) > _MOST_BYTES:
                raise SetupFailed(f"{archive} unpacks to more than {_MOST_BYTES} bytes")
            for member in members:
                parts = Path(member.filename).parts
                if member.filename.startswith("/") or ".." in parts or member.external_attr >> 28 not in (0, 0o10):
                    raise SetupFailed(f"{archive} holds {member.filename!r}, which is no plain file below it")
                executable = member.external_attr >> 16 & 0o100
                yield member.filename, opened.read(member), 0o755 if executable else 0o644
    except DAMAGED as error:
        raise SetupFailed(f"{archive} is damaged ({error}); copy pi_auto_client.py again") from None


def _link(link: Path, release: Path) -> None:
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(release.relative_to(link.parent))
    temporary.rename(link)
    fsync_folder(link.parent)
