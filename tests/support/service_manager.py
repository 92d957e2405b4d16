"""What capture says to systemd, heard as systemd hears it: ready, who the main process is, what to keep.

It stands in for one service: the test's process becomes the parent of what its main process leaves behind, as
PID 1 does, so that a successor can be waited for, and is killed at the end with all others.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

from support.waiting import wait_until

_PR_SET_CHILD_SUBREAPER = 36


class ServiceManager:
    """Of one service. `main` is the number of its main process; `takes_note` False: it is too busy to."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.address = folder / "notify"
        self._socket.bind(str(self.address))
        self._log = folder / "service.log"
        self.main = 0
        self.mains: list[int] = []
        self.takes_note = threading.Event()
        self.takes_note.set()
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, program: Path, *arguments: str) -> None:
        """Start the service anew, and wait until it says that it is ready."""
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.address)}
        self._ready = threading.Event()
        with self._log.open("ab") as log:
            actions = [(os.POSIX_SPAWN_DUP2, log.fileno(), output) for output in (1, 2)]
            command = [sys.executable, str(program), *arguments]
            self._now_is(os.posix_spawn(sys.executable, command, environment, file_actions=actions))
        assert self._ready.wait(60), self.log

    def reload(self) -> None:
        """What ExecReload= does."""
        os.kill(self.main, signal.SIGUSR1)

    def end(self, number: int = signal.SIGKILL) -> int:
        """End the main process; how it ended."""
        os.kill(self.main, number)
        return self.ended(self.main)

    def ended(self, process: int, within: float = 60.0) -> int:
        """Wait until a process of the service has ended; its exit code."""

        def look() -> tuple[int] | None:
            with suppress(ChildProcessError):  # not ours yet: its parent has not gone
                found, status = os.waitpid(process, os.WNOHANG)
                return (os.waitstatus_to_exitcode(status),) if found else None
            return None

        return wait_until(look, within, f"the end of {process}")[0]

    def is_alive(self, process: int) -> bool:
        """Whether it runs."""
        return process in self.processes()

    def processes(self) -> list[int]:
        """All that run in the service."""
        wanted = f"NOTIFY_SOCKET={self.address}".encode()
        found = []
        for place in Path("/proc").iterdir():
            if place.name.isdecimal():
                with suppress(OSError):
                    is_ours = wanted in (place / "environ").read_bytes().split(b"\0")
                    if is_ours and ") Z" not in (place / "stat").read_text():
                        found.append(int(place.name))
        return found

    @property
    def log(self) -> str:
        """All that the service has said."""
        return self._log.read_text(errors="replace")

    def kill_all(self) -> None:
        """End whatever is left of it."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_until(lambda: not self.processes(), what="the service has ended")
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def close(self) -> None:
        """Kill all of it, and hear nothing any more."""
        self.kill_all()
        self._socket.close()

    def _now_is(self, process: int) -> None:
        self.main = process
        self.mains.append(process)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                said, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 8)
                self.takes_note.wait()
                if said == b"READY=1":
                    self._ready.set()
                elif said.startswith(b"MAINPID="):
                    self._now_is(int(said.split(b"=")[1]))
                for descriptor in descriptors:
                    os.close(descriptor)
