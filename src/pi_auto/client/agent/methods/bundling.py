"""Has the doctor write its bundle: in a process of its own, that ends in time and yields to everybody else."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

_PATIENCE = 120.0  # seconds: all checks take 25 at most, each of the bundle's tools 15
_LOOK = 0.5
_YIELDING = 19  # the least urgent
_CANNOT = 2  # its exit code where it could not even begin; 1 says that something is wrong with the device


class NoBundle(Exception):  # noqa: N818 - named for what has happened
    """There is none, or it could not be sent; the sentence says why."""


class Doctor:
    """The doctor's command, such as `pi-auto-client doctor`, without where the bundle goes."""

    def __init__(self, command: Sequence[str], patience: float = _PATIENCE) -> None:
        self._command, self._patience = command, patience

    def write_to(self, file: Path, stopping: threading.Event) -> None:
        """Write it to `file`, new. Raises NoBundle, and OSError if no process can be started."""
        import subprocess  # noqa: PLC0415 - an agent seldom needs it, and it takes memory for good

        file.unlink(missing_ok=True)
        child = subprocess.Popen(
            [*self._command, f"--bundle={file}"], process_group=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with child:
            try:
                with suppress(OSError):  # a sandbox may forbid even this
                    os.setpriority(os.PRIO_PROCESS, child.pid, _YIELDING)
                code = self._outcome(child, stopping)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)  # with whatever it has started
        if code >= _CANNOT or code < 0:
            raise NoBundle(f"the doctor has ended with the exit code {code}")

    def _outcome(self, child: subprocess.Popen[bytes], stopping: threading.Event) -> int:
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            if (code := child.poll()) is not None:
                return code
            if stopping.wait(_LOOK):
                raise NoBundle("the agent stops")
        raise NoBundle(f"the doctor has not ended within {self._patience:.0f} s")
