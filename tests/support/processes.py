"""Finds the processes of one test by what stands in their command lines, so that they can be killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def pids(*words: str) -> list[int]:
    """The processes whose command line holds all of `words`, oldest first; zombies do not count."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return sorted(pid for pid in found if all(word in _command(pid) for word in words))


def kill(found: list[int], number: int = signal.SIGKILL) -> None:
    """Signal them all; those that are gone already do not matter."""
    for pid in found:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
