"""What the server keeps of releases: signed metadata and archives, of which it serves the old or the new.

    <data>/releases/metadata/<generation>/*.json   metadata; the highest generation counts
    <data>/releases/targets/…                      archives, by their SHA-256
    <data>/releases/incoming/…                     a bundle on its way in; nothing believes it
    <data>/releases/lock                           held by whoever writes

A new root or new targets make a new generation, which gets its name when all of it is on the disk. What
the server itself signs, day by day, is added to the generation: the timestamp last, since it names the rest.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pi_auto.files import fsync_folder, write_whole
from pi_auto.server.releases.names import METADATA, TIMESTAMP, stored_name, version_in
from pi_auto.server.releases.roles import ROOT, SNAPSHOT, TARGETS

_GENERATION = re.compile(r"[0-9]{8}\Z")
_KEPT_SNAPSHOTS = 8  # a device may have read the timestamp of some days ago


def root_text(data: Path) -> str | None:
    """The newest root, as fleet cards hold it; None before there is one, and then devices take no updates."""
    roots = Shelf(data).roots()
    return roots[-1].decode() if roots else None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The releases of one data folder."""

    data: Path

    @property
    def folder(self) -> Path:
        """All of it."""
        return self.data / "releases"

    @property
    def incoming(self) -> Path:
        """Where bundles are copied to before they are looked at."""
        return self.folder / "incoming"

    def read(self, name: str) -> bytes | None:
        """A file of the metadata that count now; None where there is none of that name."""
        place = self.generation()
        if place is None or not METADATA.match(name):
            return None
        try:
            return (place / name).read_bytes()
        except FileNotFoundError:
            return None

    def generation(self) -> Path | None:
        """The folder of the metadata that count now."""
        found = self._generations()
        return found[-1] if found else None

    def roots(self) -> list[bytes]:
        """Every root, the first one first."""
        return [path.read_bytes() for _, path in self._versions(ROOT)]

    def targets(self) -> bytes | None:
        """The newest targets."""
        return self._newest(TARGETS)

    def snapshot(self) -> bytes | None:
        """The newest snapshot."""
        return self._newest(SNAPSHOT)

    def timestamp(self) -> bytes | None:
        """The timestamp."""
        return self.read(TIMESTAMP)

    def target(self, name: str, sha256: str) -> Path:
        """Where a target lies."""
        return self.folder / "targets" / stored_name(name, sha256)

    def take_target(self, name: str, sha256: str, source: Path) -> None:
        """Put the file of a target in its place, durably; `source` is gone then."""
        path = self.target(name, sha256)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with source.open("rb") as file:
            os.fsync(file.fileno())
        source.rename(path)
        fsync_folder(path.parent)

    def keep_targets(self, stored: set[str]) -> None:
        """Let go of all other files of targets; whoever is reading one reads it to its end."""
        folder = self.folder / "targets"
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            if str(path.relative_to(folder)) not in stored:
                path.unlink(missing_ok=True)

    def publish(self, files: Mapping[str, bytes]) -> None:
        """Make a generation of these files alone. Whoever reads sees all of it, or nothing."""
        parent = self.folder / "metadata"
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = self._generations()
        number = int(held[-1].name) + 1 if held else 1
        new = parent / f".{secrets.token_hex(4)}.tmp"
        new.mkdir(mode=0o700)
        for name, octets in files.items():
            write_whole(new / name, octets)
        new.rename(parent / f"{number:08}")
        fsync_folder(parent)
        self._prune(held[:-1])  # the one before may be being read

    def add(self, snapshot: tuple[str, bytes], timestamp: bytes) -> None:
        """Add a snapshot, named, and then the timestamp that names it."""
        place = self.generation()
        if place is None:
            raise FileNotFoundError(f"{self.folder} holds no metadata")
        write_whole(place / snapshot[0], snapshot[1])
        write_whole(place / TIMESTAMP, timestamp)
        for _, path in self._versions(SNAPSHOT)[:-_KEPT_SNAPSHOTS]:
            path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among all who write, of whatever process; what a killed one has left behind is gone."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._prune([path for path in (self.folder / "metadata").glob(".*.tmp") if path.is_dir()])
            yield
        finally:
            os.close(lock)

    def _generations(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return sorted(p for p in (self.folder / "metadata").iterdir() if _GENERATION.match(p.name))
        return []

    def _versions(self, role: str) -> list[tuple[int, Path]]:
        place = self.generation()
        found = [(version_in(path.name, role), path) for path in place.iterdir()] if place else []
        return sorted((version, path) for version, path in found if version)

    def _newest(self, role: str) -> bytes | None:
        found = self._versions(role)
        return found[-1][1].read_bytes() if found else None

    def _prune(self, folders: list[Path]) -> None:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
