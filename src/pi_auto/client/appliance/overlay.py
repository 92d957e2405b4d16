"""Files of a release that lie elsewhere in the system: units, rules, rotation, the command.

A release carries them as a tree that mirrors the root folder. Placing is done in two steps,
so that a disk which fills up half-way has changed nothing: all are written beside their
places, then all are renamed. What was there before is remembered, to be put back.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pi_auto.files import fsync_folder


@dataclass(slots=True)
class Placed:
    """What placing has changed: each file with what it held before, and its mode; None where it was not there."""

    before: dict[Path, tuple[bytes, int] | None] = field(default_factory=dict)

    def remember(self, file: Path) -> None:
        """Keep what a file holds now, to be put back. What was remembered first counts."""
        self.before.setdefault(file, _held(file))

    def put_back(self) -> bool:
        """Undo it; whether there was anything to undo. Raises OSError."""
        others = {file: held for file, held in self.before.items() if held != _held(file)}
        _replace({file: held for file, held in others.items() if held})
        _remove(file for file, held in others.items() if not held)
        self.before.clear()
        return bool(others)


def place(tree: Path, root: Path, placed: Placed, former: Path | None = None) -> bool:
    """Put the files of `tree` at their places below `root`; take away those that only the `former` tree has.

    What changes is remembered in `placed`; whether anything does. Raises OSError, having changed nothing.
    """
    changed, gone = _changes(tree, root, former)
    for file in (*changed, *gone):
        placed.remember(file)
    _replace(changed)
    _remove(gone)
    return bool(changed) or any(placed.before[file] for file in gone)


def remember(tree: Path, root: Path, former: Path | None) -> Placed:
    """What placing `tree` would change, remembered beforehand; nothing is changed."""
    placed = Placed()
    changed, gone = _changes(tree, root, former)
    for file in (*changed, *gone):
        placed.remember(file)
    return placed


def _changes(tree: Path, root: Path, former: Path | None) -> tuple[dict[Path, tuple[bytes, int]], set[Path]]:
    wanted = {root / name: held for name in _names(tree) if (held := _held(tree / name))}
    gone = {root / name for name in _names(former)} - set(wanted) if former else set()
    return {file: held for file, held in wanted.items() if held != _held(file)}, gone


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        if file.parent.is_dir():
            file.unlink(missing_ok=True)
            fsync_folder(file.parent)


def _names(tree: Path) -> list[Path]:
    return sorted(file.relative_to(tree) for file in tree.rglob("*") if file.is_file()) if tree.is_dir() else []


def _held(file: Path) -> tuple[bytes, int] | None:
    try:
        return file.read_bytes(), file.stat().st_mode & 0o777
    except FileNotFoundError:
        return None


def _replace(files: dict[Path, tuple[bytes, int]]) -> None:
    ready: dict[Path, Path] = {}
    try:
        for file, (content, mode) in files.items():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            ready[file] = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
            _write(ready[file], content, mode)
    except BaseException:
        for temporary in ready.values():
            temporary.unlink(missing_ok=True)
        raise
    for file, temporary in ready.items():
        temporary.rename(file)
    for folder in {file.parent for file in files}:
        fsync_folder(folder)


def _write(file: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as opened:
        os.fchmod(descriptor, mode)  # whatever the umask of who calls sudo
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)
