"""Reads the archive of a release as script/dist makes it, and writes one that knows its fleet's root.

Nothing is compressed and nothing depends on a clock, so the same archive and root always give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import zipfile
from dataclasses import dataclass

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.wire.release import MOST_ARCHIVE, RELEASED
from pi_auto.zips import DAMAGED

ROOT_FILE, VERSION_FILE, BUILT_FILE = "appliance/update_root.json", "appliance/version", "appliance/built"
_CODE_VERSION = "pi_auto/version.py"
_SAID = re.compile(rb'^(__version__ = ")[^"\n]*(")$', re.MULTILINE)
_MOST_FILES = 10_000
_BUILT = re.compile(r"[0-9]{1,12}\Z")
_NAME = re.compile(r"(?:[A-Za-z0-9_.@+-]+/)*[A-Za-z0-9_.@+-]+\Z")


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive says of itself. `unpacked` is the bytes of its files, `built` seconds since 1970."""

    octets: bytes
    version: str
    built: int
    unpacked: int
    root: bytes | None

    @property
    def sha256(self) -> str:
        """In hex."""
        return hashlib.sha256(self.octets).hexdigest()


def read_archive(octets: bytes, what: str) -> Archive:
    """Read it, or raise ReleaseError that names it as `what`."""
    if len(octets) > MOST_ARCHIVE:
        raise ReleaseError(f"{what} has {len(octets)} bytes; allowed: at most {MOST_ARCHIVE}")
    files = _files(octets, what)
    version = _text(files, VERSION_FILE, what)
    built = _text(files, BUILT_FILE, what)
    if not RELEASED.match(version) or not _BUILT.match(built):
        raise ReleaseError(f"{what} says version {version!r} and time {built!r}; build it with script/dist")
    unpacked = sum(len(content) for _, content in files.values())
    return Archive(octets, version, int(built), unpacked, files.get(ROOT_FILE, (None, None))[1])


def with_root(archive: Archive, root: bytes, version: str | None = None) -> Archive:
    """The same release for the fleet with this root; maybe under another version, to be released once more."""
    files = _files(archive.octets, "the archive")
    like, _ = files[VERSION_FILE]
    files[ROOT_FILE] = (_like(like, ROOT_FILE), root)
    if version:
        files[VERSION_FILE] = (like, f"{version}\n".encode())
        code, said = files[_CODE_VERSION]
        files[_CODE_VERSION] = (code, _SAID.sub(rb"\g<1>" + version.encode() + rb"\g<2>", said))
    packed = io.BytesIO()
    packed.write(_before(archive.octets))
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_STORED) as opened:
        for name in sorted(files):
            member, content = files[name]
            opened.writestr(_like(member, name), content)
    return read_archive(packed.getvalue(), "the archive that was built")


def _files(octets: bytes, what: str) -> dict[str, tuple[zipfile.ZipInfo, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as opened:
            members = opened.infolist()
            _check(members, what)
            return {member.filename: (member, opened.read(member)) for member in members}
    except DAMAGED as error:
        raise ReleaseError(f"{what} is no archive of a release ({error}); build it with script/dist") from error


def _check(members: list[zipfile.ZipInfo], what: str) -> None:
    names = {member.filename for member in members}
    if len(members) > _MOST_FILES or len(names) < len(members):
        raise ReleaseError(f"{what} holds {len(members)} files; allowed: {_MOST_FILES}, each name once")
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        plain = kind == stat.S_IFREG and member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1
        if not plain or not _NAME.match(member.filename) or ".." in member.filename.split("/"):
            raise ReleaseError(f"{what} holds {member.filename!r}; allowed: plain files that are not compressed")


def _text(files: dict[str, tuple[zipfile.ZipInfo, bytes]], name: str, what: str) -> str:
    if name not in files:
        raise ReleaseError(f"{what} has no {name}: build it with script/dist")
    return files[name][1].decode("ascii", "replace").strip()


def _like(member: zipfile.ZipInfo, name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, member.date_time)
    made.create_system, made.external_attr = 3, member.external_attr
    return made


def _before(octets: bytes) -> bytes:
    """The `#!` line; nothing where what comes before the first file is none."""
    before = octets[: max(octets.find(b"PK\x03\x04"), 0)]
    return before if before.startswith(b"#!") and before.endswith(b"\n") else b""
