"""Reads a bundle as it comes from the signing folder: metadata and archives, and nothing else.

A server must never hold a key that can publish, so a bundle with a secret key in it is refused
as a whole, before anything of it is kept.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.keyfiles import is_key_file
from pi_auto.server.releases.names import target_in, version_in
from pi_auto.server.releases.roles import ROOT, TARGETS
from pi_auto.wire.release import MOST_ARCHIVE, MOST_METADATA

_MOST_FILES = 2000
_KEY = "that is a secret key, and no server may ever hold one: carry the signing folder's `bundle` alone"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle holds, none of it verified: roots by version, targets, and their files by name and hash."""

    roots: dict[int, bytes]
    targets: bytes | None
    files: dict[tuple[str, str], Path]


def read_bundle(folder: Path) -> Bundle:
    """Read it. Raises ReleaseError for anything in it that does not belong there."""
    roots: dict[int, bytes] = {}
    targets: dict[int, bytes] = {}
    files: dict[tuple[str, str], Path] = {}
    held_here = list(_files(folder))
    for name, path in held_here:  # before any is named as unknown
        _refuse_key(name, path)
    for name, path in held_here:
        room, _, rest = name.partition("/")
        held = target_in(rest) if room == "targets" else None
        if held:
            files[held] = path
        elif room == "metadata" and (version := version_in(rest, ROOT)):
            roots[version] = _small(path, name)
        elif room == "metadata" and (version := version_in(rest, TARGETS)):
            targets[version] = _small(path, name)
        else:
            raise ReleaseError(
                f"the bundle holds {name}; allowed: metadata and targets as `release sign` lays them"
            )
    return Bundle(roots, targets[max(targets)] if targets else None, files)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        raise ReleaseError(f"{folder} is no folder; name the `bundle` of a signing folder")
    number = 0
    for parent, folders, names in os.walk(folder):
        for name in sorted([*folders, *names]):
            path = Path(parent, name)
            mode, size = path.lstat().st_mode, path.lstat().st_size
            within = str(path.relative_to(folder))
            number += 1
            if number > _MOST_FILES:
                raise ReleaseError(
                    f"{folder} holds more than {_MOST_FILES} files; name a signing folder's `bundle`"
                )
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode) or size > MOST_ARCHIVE:
                raise ReleaseError(f"the bundle holds {within}, which is no file, or one too large")
            yield within, path


def _refuse_key(name: str, path: Path) -> None:
    """A target is taken if it was signed, and then it is no key: code may hold what looks like one."""
    room, _, rest = name.partition("/")
    if room == "targets" and target_in(rest):
        return
    if path.stat().st_size <= MOST_METADATA and is_key_file(path.read_bytes()):
        raise ReleaseError(f"the bundle holds {name}: {_KEY}")


def _small(path: Path, name: str) -> bytes:
    if path.stat().st_size > MOST_METADATA:
        raise ReleaseError(f"the bundle's {name} is larger than {MOST_METADATA} bytes")
    return path.read_bytes()
