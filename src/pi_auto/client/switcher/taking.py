"""Takes what the agent has handed over: each file is opened once, and copied into root's own folder.

Whoever writes in the agent's folder may plant links, pipes and files of any size, and swap them
meanwhile. So every name is opened relative to the folder that holds it, through no link; only a
plain file that has no second name is read, and no further than it may be long. What is believed
later is the copy.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pi_auto.client.switcher.errors import Refused
from pi_auto.client.switcher.site import READY, Site
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.release import (
    AUTHORITY_TARGET,
    MOST_ARCHIVE,
    MOST_METADATA,
    MOST_ROOTS,
    SHA256,
    TARGET,
    VERSION,
)
from pi_auto.wire.strict_json import read_strictly

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_METADATA = re.compile(r"(?:[1-9][0-9]{0,5}\.root|timestamp|snapshot|targets)\.json\Z")
_MOST_REQUEST = 4096  # bytes
_MOST_NAMES = MOST_ROOTS + 3  # files of metadata
_PART = 1024 * 1024  # bytes
ARCHIVE, METADATA, REQUEST = "archive", "metadata", "request.json"


@dataclass(frozen=True, slots=True)
class Request:
    """What the agent says it has handed over: `update_id` is the archive's SHA-256. None of it is believed."""

    target: str
    update_id: str
    version: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The copies, in root's folder. `digest` is the SHA-256 of what was copied."""

    request: Request
    archive: Path
    metadata: Path
    digest: str


def take(site: Site) -> Taken:
    """Copy what lies there. Raises Refused, and OSError where the copy cannot be written."""
    let_go(site)
    (site.taken / METADATA).mkdir(parents=True, mode=0o700)
    with _ready(site) as ready:
        request = _request(_read(ready, REQUEST, _MOST_REQUEST))
        with _folder(ready, METADATA) as metadata:
            _copy_metadata(metadata, site.taken / METADATA)
        digest = _copy_archive(site, ready)
    return Taken(request, site.taken / ARCHIVE, site.taken / METADATA, digest)


def let_go(site: Site) -> None:
    """Remove the copies. Raises OSError."""
    if site.taken.exists():
        shutil.rmtree(site.taken)


def handed_over(site: Site) -> bool:
    """Whether anything lies there: an agent that starts in a trial asks, and takes it back once that has ended."""
    return os.path.lexists(site.state.joinpath(*READY))


def request_handed_over(site: Site) -> Request | None:
    """What was handed over, for telling that it was refused; nothing where that cannot be read."""
    try:
        with _ready(site) as ready:
            return _request(_read(ready, REQUEST, _MOST_REQUEST))
    except (Refused, OSError):
        return None


@contextmanager
def _ready(site: Site) -> Iterator[int]:
    with ExitStack() as opened:
        at = os.open(site.state, _FOLDER)
        opened.callback(os.close, at)
        for name in READY:
            at = opened.enter_context(_folder(at, name))
        yield at


@contextmanager
def _folder(at: int, name: str) -> Iterator[int]:
    try:
        opened = os.open(name, _FOLDER, dir_fd=at)
    except OSError as error:
        raise Refused(f"what was handed over has no folder {name}: {error.strerror}") from None
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def _file(at: int, name: str, most: int) -> Iterator[int]:
    try:
        opened = os.open(name, _FILE, dir_fd=at)
    except OSError as error:
        raise Refused(f"what was handed over has no file {name}: {error.strerror}") from None
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise Refused(f"what was handed over as {name} is no plain file with one name")
        if found.st_size > most:
            raise Refused(f"what was handed over as {name} has {found.st_size} bytes; allowed: {most}")
        yield opened
    finally:
        os.close(opened)


def _parts(at: int, name: str, most: int) -> Iterator[bytes]:
    """The bytes, however the file grows meanwhile."""
    with _file(at, name, most) as opened:
        left = most
        while part := os.read(opened, min(_PART, left + 1)):
            left -= len(part)
            if left < 0:
                raise Refused(f"what was handed over as {name} has grown beyond {most} bytes")
            yield part


def _read(at: int, name: str, most: int) -> bytes:
    return b"".join(_parts(at, name, most))


def _request(octets: bytes) -> Request:
    try:
        fields = Fields(read_strictly(octets, REQUEST, most=_MOST_REQUEST))
        target = fields.text("target", most=256)
        if target != AUTHORITY_TARGET and not TARGET.match(target):
            raise fields.refuse("target", f"client/<version>/pi_auto_client.py or {AUTHORITY_TARGET}")
        return Request(
            target=target,
            update_id=fields.text("update_id", most=64, form=SHA256),
            version=fields.text("version", most=64, form=VERSION),
        )
    except FieldError as error:
        raise Refused(f"{REQUEST}: {error}") from None


def _copy_metadata(at: int, folder: Path) -> None:
    with os.scandir(at) as listed:
        names = [entry.name for entry in islice(listed, _MOST_NAMES + 1)]
    if len(names) > _MOST_NAMES:
        raise Refused(f"too many files of metadata were handed over; allowed: {_MOST_NAMES}")
    for name in names:
        if not _METADATA.match(name):
            raise Refused(f"{name!r} was handed over as metadata, which is no name of any")
        (folder / name).write_bytes(_read(at, name, MOST_METADATA))


def _copy_archive(site: Site, at: int) -> str:
    digest = hashlib.sha256()
    with (site.taken / ARCHIVE).open("xb") as copy:
        for part in _parts(at, ARCHIVE, MOST_ARCHIVE):
            digest.update(part)
            copy.write(part)  # of no use after a power cut: junk that goes at once need not reach the disk
    return digest.hexdigest()
