"""A Debian package, by the standard library alone: an ar file with two tar files in it.

Source: deb(5). Neither is compressed, so that the bytes depend on the content alone.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import PurePosixPath

from contents import File

_MAGIC = b"!<arch>\n"


def as_package(control: Iterable[File], data: Iterable[File], epoch: int) -> bytes:
    """The bytes of the package; names are relative to the root folder, `epoch` is the time everything bears."""
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar", _tar(control, epoch)),
        ("data.tar", _tar(data, epoch)),
    ]
    return _MAGIC + b"".join(_ar_member(name, content, epoch) for name, content in members)


def _ar_member(name: str, content: bytes, epoch: int) -> bytes:
    header = f"{name:<16}{epoch:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)


def _tar(files: Iterable[File], epoch: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        held = {f"./{file.name}": file for file in files}
        folders = {f"{parent}" for name in held for parent in PurePosixPath(name).parents} - {"."}
        for name in sorted({"./", *(f"./{folder}" for folder in folders), *held}):
            _add(archive, name, held.get(name), epoch)
    return packed.getvalue()


def _add(archive: tarfile.TarFile, name: str, file: File | None, epoch: int) -> None:
    member = tarfile.TarInfo(name)
    member.mtime = epoch
    member.uname = member.gname = "root"
    if file is None:
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
    else:
        member.size, member.mode = len(file.content), 0o755 if file.executable else 0o644
        archive.addfile(member, io.BytesIO(file.content))
