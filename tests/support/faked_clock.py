"""A wall clock for programs that a test starts, which the test sets while they run."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

_SOURCE = Path(__file__).with_suffix(".c")


def can_be_built() -> bool:
    """Whether there is a C compiler."""
    return shutil.which("cc") is not None


class FakedClock:
    """As `folder` allows: a small library, and a file with what it adds to the real time."""

    def __init__(self, folder: Path) -> None:
        self._library, self._file = folder / "faked_clock.so", folder / "offset"
        self._file.write_bytes(struct.pack("=q", 0))
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)

    @contextmanager
    def for_what_is_started(self) -> Iterator[None]:
        """Programs that are started meanwhile go by this clock, and what they start as well."""
        told = {"LD_PRELOAD": str(self._library), "PI_AUTO_TEST_CLOCK": str(self._file)}
        with patch.dict(os.environ, told):
            yield

    def now(self) -> datetime:
        """What it says."""
        (offset,) = struct.unpack("=q", self._file.read_bytes())
        return datetime.now(UTC) + timedelta(seconds=offset)

    def set(self, moment: datetime) -> None:
        """Set it, to the second."""
        offset = (moment - datetime.now(UTC)) // timedelta(seconds=1)
        with self._file.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("=q", offset))
