"""Puts a release's archive together out of the running release's files, and fetches only what it lacks.

The archive is a zip file of stored members: each member's bytes lie in it as they lie on the disk, behind a header
that its directory tells. The directory comes first, by a range; then what no file here fits. Nothing of this is
believed: at last the whole must have the signed hash, and where anything is odd the archive is fetched as a whole.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pi_auto.client.agent.update.channel import Channel
from pi_auto.client.agent.update.download import Patience, Wanted, fetch_range, verify
from pi_auto.zips import DAMAGED

_SHEBANG = b"#!/usr/bin/env python3\n"
_END = 22  # bytes of a zip file's last record
_ENTRY, _HEADER = 46, 30  # bytes of a member's entry in the directory, and of its header, besides its name
_SLACK = 4096  # bytes that the new directory may be longer than ours
_MOST_DIRECTORY = 1024 * 1024
_NEAR = 512  # bytes: fetching them costs less than another question
_MOST_RANGES = 64
_WORTH = 0.7  # of the archive: beyond it one download is the shorter way


class Odd(Exception):  # noqa: N818 - named for what has happened
    """The archive is not of the kind that can be put together."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of the archive from `start` on that are known already."""

    start: int
    content: bytes

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.start + len(self.content)


def assemble(
    channel: Channel, wanted: Wanted, running: Path, file: Path, told: Callable[[int], None] = lambda _: None
) -> None:
    """Have `file` be what is wanted, with what the release in the folder `running` has.

    Raises Odd where that cannot be, ApiError, Wrong, and OSError.
    """
    temporary = file.with_name(f"{file.name}.pieces")
    try:
        with temporary.open("w+b") as opened:
            opened.truncate(wanted.size)
            _put_together(channel, wanted, running, opened, told)
            opened.flush()
            os.fsync(opened.fileno())
        verify(temporary, wanted)
        temporary.rename(file)
    except DAMAGED as error:
        raise Odd(f"its archive cannot be put together: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _put_together(
    channel: Channel, wanted: Wanted, running: Path, opened: IO[bytes], told: Callable[[int], None]
) -> None:
    patience = Patience()
    _directory(channel, wanted, running, opened, patience)
    gaps = _gaps(_known(opened, wanted.size, running), wanted.size, opened)
    for number, (start, end) in enumerate(gaps):
        told(wanted.size * number // len(gaps))
        opened.seek(start)
        opened.write(fetch_range(channel, wanted, start, end - start, patience))


def _directory(channel: Channel, wanted: Wanted, running: Path, opened: IO[bytes], patience: Patience) -> None:
    """Write the end of the archive, with all of its directory."""
    length = min(wanted.size, _guess(running))
    while True:
        start = wanted.size - length
        tail = fetch_range(channel, wanted, start, length, patience)
        opened.seek(start)
        opened.write(tail)
        needed = _length_of_directory(tail)
        if needed <= length:
            return
        if needed > min(_MOST_DIRECTORY, wanted.size):
            raise Odd(f"its directory has {needed} bytes")
        length = needed


def _guess(running: Path) -> int:
    """How long the directory may be: as long as that of the release that runs, and a little."""
    names = (str(path.relative_to(running)) for path in running.rglob("*") if "__pycache__" not in path.parts)
    return _END + sum(_ENTRY + len(name) for name in names) + _SLACK


def _length_of_directory(tail: bytes) -> int:
    """With the last record, by what that says. Raises Odd."""
    record = tail[-_END:]
    if not record.startswith(b"PK\x05\x06") or record[-2:] != b"\0\0":
        raise Odd("it does not end as a zip file without a comment")
    return int.from_bytes(record[12:16], "little") + _END


def _known(opened: IO[bytes], size: int, running: Path) -> Iterator[Piece]:
    """Everything but the members that the running release lacks, in the order of the archive."""
    with zipfile.ZipFile(opened) as archive:
        members, directory = sorted(archive.infolist(), key=lambda one: one.header_offset), archive.start_dir
    if members and members[0].header_offset == len(_SHEBANG):
        yield Piece(0, _SHEBANG)
    for member, following in zip(members, [*members[1:], None], strict=True):
        header = member.FileHeader(zip64=False)
        end = following.header_offset if following else directory
        if (
            member.compress_type == zipfile.ZIP_STORED
            and member.header_offset + len(header) + member.file_size == end
        ):
            yield Piece(member.header_offset, header)
            if content := _ours(member, running):
                yield Piece(member.header_offset + len(header), content)
    opened.seek(directory)
    yield Piece(directory, opened.read(size - directory))


def _ours(member: zipfile.ZipInfo, running: Path) -> bytes | None:
    """The member's bytes, if the running release has a file of its name with just these."""
    name = PurePosixPath(member.filename)
    if name.is_absolute() or ".." in name.parts:
        raise Odd(f"it holds {member.filename!r}")
    path = running / name
    try:
        if path.is_symlink() or path.stat().st_size != member.file_size:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return content if zlib.crc32(content) == member.CRC else None


def _gaps(known: Iterator[Piece], size: int, opened: IO[bytes]) -> list[tuple[int, int]]:
    """Write what is known; from where to where the rest is to be fetched. Raises Odd if that is not worth it."""
    gaps: list[tuple[int, int]] = []
    at = 0
    for piece in known:
        if piece.start < at:
            raise Odd("its members lie in each other")
        if piece.start > at:
            _add(gaps, at, piece.start)
        opened.seek(piece.start)
        opened.write(piece.content)
        at = piece.end
    if at != size:
        raise Odd("its members do not fill it")
    if len(gaps) > _MOST_RANGES or sum(end - start for start, end in gaps) > _WORTH * size:
        raise Odd("too little of it is here already")
    return gaps


def _add(gaps: list[tuple[int, int]], start: int, end: int) -> None:
    """One more, or the last one made longer where the two are near."""
    if gaps and start - gaps[-1][1] < _NEAR:
        gaps[-1] = (gaps[-1][0], end)
    else:
        gaps.append((start, end))
