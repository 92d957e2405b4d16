"""One of the house's long-running commands as a child process: start it, wait for its ready line, stop it."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path

READY_WITHIN = 30.0  # seconds
STOP_WITHIN = 10.0  # seconds; every command promises five


class ProgramFailed(Exception):  # noqa: N818 - it reads as the sentence it is
    """A program ended, or said nothing, before it was ready; the text says where its last words are."""


class Program:
    """`python -m module arguments…` with its output in `log`."""

    def __init__(self, module: str, *arguments: str, log: Path) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._log = log
        self._read_from = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, str] = {}

    def start(self) -> dict[str, str]:
        """Start it; what its ready line says it has bound. Raises ProgramFailed."""
        self._read_from = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.ready = self._wait_until_ready()
        return self.ready

    def stop(self) -> int:
        """Stop it cleanly; its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _wait_until_ready(self) -> dict[str, str]:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            ended = self.process is not None and self.process.poll() is not None
            for line in self._new_lines():
                if " ready: " in line:
                    return dict(part.split("=", 1) for part in shlex.split(line.split(" ready: ", 1)[1]))
            if ended:
                break
            time.sleep(0.02)
        raise ProgramFailed(self._last_words())

    def _new_lines(self) -> list[str]:
        with self._log.open("rb") as log:
            log.seek(self._read_from)
            return log.read().decode(errors="replace").splitlines()

    def _last_words(self) -> str:
        words = "\n".join(self._new_lines()[-5:]) or "(it said nothing)"
        return f"{shlex.join(self._command[1:])} did not get ready; the end of {self._log}:\n{words}"
