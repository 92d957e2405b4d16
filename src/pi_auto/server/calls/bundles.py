"""The bundles that devices have sent on request: `<data>/diagnostics/<device id>/<request id>.zip`.

They come from devices, so they are bounded while they come, whole or not there, and never
served: a request's id is random, and who is to read one has to be on the server's machine.
"""

from __future__ import annotations

import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from pi_auto.files import fsync_folder
from pi_auto.wire.ids import DEVICE_ID
from pi_auto.wire.methods import MOST_DIAGNOSTICS

KEPT = 10  # of a device
KEPT_FOR = timedelta(days=30)
_ABANDONED = timedelta(hours=1)  # what was being received and never finished
_CHUNK = 64 * 1024
_MAGIC = b"PK\x03\x04"


class AlreadyStored(Exception):  # noqa: N818 - it is answered as what it says
    """The bundle of this request is there."""


class TooLarge(Exception):  # noqa: N818 - see above
    """More bytes than a bundle may have."""


class NotZip(Exception):  # noqa: N818 - see above
    """Whatever it is, it is no whole zip file."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One that is there; `octets` is its size."""

    request: str
    path: Path
    received_at: datetime
    octets: int


class Bundles:
    """Those of one data folder."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "diagnostics"

    def find(self, device_id: str, request: str) -> Bundle | None:
        """The bundle of a request, if it has come."""
        return _bundle(self._of(device_id) / f"{request}.zip")

    def all(self, device_id: str) -> list[Bundle]:
        """Those of a device, the newest first."""
        return _bundles(self._of(device_id))

    def arriving(self, device_id: str, request: str) -> int:
        """How many bytes of it have come so far."""
        sizes = [0]
        for path in self._of(device_id).glob(f".{request}.*.tmp"):
            with suppress(OSError):
                sizes.append(path.stat().st_size)
        return max(sizes)

    def take(self, device_id: str, request: str, stream: IO[bytes], length: int | None) -> Bundle:
        """Keep what the stream holds, of that announced length.

        Raises AlreadyStored, TooLarge, NotZip or OSError.
        """
        if length is not None and length > MOST_DIAGNOSTICS:
            raise TooLarge
        folder = self._of(device_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, temporary = folder / f"{request}.zip", folder / f".{request}.{os.urandom(4).hex()}.tmp"
        if path.exists():
            raise AlreadyStored
        try:
            _receive(stream, temporary, length)
            os.link(temporary, path)  # unlike a rename it never replaces one that came meanwhile
        except FileExistsError:
            raise AlreadyStored from None
        finally:
            temporary.unlink(missing_ok=True)
        fsync_folder(folder)
        self._tidy()
        stat = path.stat()
        return Bundle(request, path, datetime.fromtimestamp(stat.st_mtime, UTC), stat.st_size)

    def let_go(self, now: datetime, until: int) -> None:
        """Delete those that are too old by the clock, and came before `until`, in Unix seconds, as well."""
        for folder in self._folder.glob("*/"):
            for bundle in _bundles(folder):
                if now - bundle.received_at > KEPT_FOR and bundle.received_at.timestamp() <= until:
                    bundle.path.unlink(missing_ok=True)

    def _of(self, device_id: str) -> Path:
        if not DEVICE_ID.match(device_id):
            raise ValueError(f"{device_id!r} is no device's id")
        return self._folder / device_id

    def _tidy(self) -> None:
        """Keep the newest few of each device."""
        now = datetime.now(UTC)
        for folder in self._folder.iterdir():
            for bundle in _bundles(folder)[KEPT:]:
                bundle.path.unlink(missing_ok=True)
        for path in self._folder.glob("*/.*.tmp"):
            with suppress(OSError):
                if now.timestamp() - path.stat().st_mtime > _ABANDONED.total_seconds():
                    path.unlink()


def _bundles(folder: Path) -> list[Bundle]:
    found = [bundle for path in folder.glob("[!.]*.zip") if (bundle := _bundle(path))]
    return sorted(found, key=lambda each: each.received_at, reverse=True)


def _bundle(path: Path) -> Bundle | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return Bundle(path.stem, path, datetime.fromtimestamp(stat.st_mtime, UTC), stat.st_size)


def _is_zip(file: IO[bytes]) -> bool:
    """Whether it ends as a zip file; of one that says it lies on several disks Python itself raises."""
    try:
        return zipfile.is_zipfile(file)
    except zipfile.BadZipFile:
        return False


def _receive(stream: IO[bytes], path: Path, length: int | None) -> None:
    """Write the stream to a new file; at most one chunk of it is in memory."""
    received = 0
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as file:
        while chunk := stream.read(_CHUNK):
            if received == 0 and not chunk.startswith(_MAGIC):
                raise NotZip
            received += len(chunk)
            if received > MOST_DIAGNOSTICS:
                raise TooLarge
            file.write(chunk)
        if (length is not None and received != length) or not _is_zip(file):
            raise NotZip
        file.flush()
        os.fsync(file.fileno())
