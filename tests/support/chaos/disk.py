"""A small disk of its own for a folder, which can be filled to the last byte. Mounting one needs root."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path


class SmallDisk:
    """An ext4 of so many bytes at `folder`, in a file, so that what is written goes the way of a real disk.

    `is_there` is False where this machine lets nobody mount one: then the folder is as any other.
    """

    def __init__(self, folder: Path, image: Path, size: int) -> None:
        self._folder, self._image, self._ballast = folder, image, folder / "ballast"
        folder.mkdir(parents=True, exist_ok=True)
        with image.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        make = ["mkfs.ext4", "-q", "-m", "0", str(image)]
        mount = ["mount", "-o", "loop", str(image), str(folder)]
        self.is_there = os.geteuid() == 0 and all(_succeeds(command) for command in (make, mount))

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                with suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Take it away, with all that is on it."""
        if self.is_there:
            self.is_there = False
            subprocess.run(["umount", "--lazy", str(self._folder)], check=True)
        self._image.unlink(missing_ok=True)


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
