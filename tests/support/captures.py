"""The whole capture program as a process, with a FIFO for a scanner."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.clock import boottime_ns
from support.keys import Fifo, typed
from support.waiting import wait_until

PROGRAM = """
import resource, sys
from pathlib import Path
from pi_auto.client import alone
from pi_auto.client.capture.program import run_capture
from pi_auto.logs import start_logging
if "--full-disk" in sys.argv:  # no file may grow beyond this, until the limit is lifted
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))
if "--impatient" in sys.argv:
    alone.PATIENCE = 0.2
start_logging()
door = Path(sys.argv[sys.argv.index("--door") + 1]) if "--door" in sys.argv else None
sys.exit(run_capture(Path(sys.argv[1]), sys.argv[2], log_barcodes="--silent" not in sys.argv, wifi=door))
"""
STORED = re.compile(r"barcode stored: number=(\d+) uuid=(\S+) scanner=(\S+) text=(.*)")


@dataclass
class Capture:
    """A running capture process."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self, words: str, times: int = 1) -> None:
        wait_until(lambda: self.log.read_text().count(words) >= times, what=f"{words!r} in its log")

    def stored(self) -> list[str]:
        return [match[4] for match in STORED.finditer(self.log.read_text())]

    def wait_for_scans(self, number: int) -> None:
        wait_until(lambda: len(self.stored()) >= number, what=f"{number} scans are stored")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(5)


@dataclass
class Bench:
    """A state folder and a virtual scanner."""

    state: Path
    fifo: Fifo
    runs: int = 0

    @property
    def folder(self) -> Path:
        return self.state / "capture"

    @contextmanager
    def capture(self, scanner: str | None = None, *options: str) -> Iterator[Capture]:
        """A capture process that is ready."""
        self.runs += 1
        log = self.state.parent / f"capture-{self.runs}.log"
        command = [sys.executable, "-c", PROGRAM, str(self.state), scanner or str(self.fifo.path), *options]
        with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr, stdout=subprocess.PIPE) as running:
            try:
                assert running.stdout
                line = running.stdout.readline().decode()
                assert line == f"pi-auto-client capture ready: spool={self.folder}\n", log.read_text()
                yield Capture(running, log)
            finally:
                running.kill()
                print(log.read_text())  # which pytest shows where a test fails

    def type(self, text: str, **how: int | None) -> None:
        self.fifo.send(typed(text, boottime_ns(), **how))  # type: ignore[arg-type]
