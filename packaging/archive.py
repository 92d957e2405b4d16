"""A release as one file that Python runs: a zip file behind a `#!` line.

Stored, not deflated: it loads faster, and its bytes do not depend on who wrote the zlib at hand.
"""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime

from contents import File

_SHEBANG = b"#!/usr/bin/env python3\n"
_OLDEST = datetime(1980, 1, 1, tzinfo=UTC)  # of what a zip file can say


def as_zipapp(files: Iterable[File], epoch: int) -> bytes:
    """The bytes of the file; `epoch` is the time that all its members bear, in seconds."""
    when = max(datetime.fromtimestamp(epoch, UTC), _OLDEST)
    packed = io.BytesIO()
    packed.write(_SHEBANG)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.writestr(_member(file, when), file.content)
    return packed.getvalue()


def _member(file: File, when: datetime) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(file.name, when.timetuple()[:6])
    member.create_system = 3  # Unix, whatever this was built on
    member.external_attr = (stat.S_IFREG | (0o755 if file.executable else 0o644)) << 16
    return member
