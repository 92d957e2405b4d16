"""The least that a process can do for a scan: wait for a key, append with fdatasync, ring.

It decodes nothing, asks for no time and books nothing. What capture takes beside it is what capture does;
what it takes beside a bare append are the kernel's two hand-overs, to a process that has slept and back.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from footprint import python
from latency import RECORD
from pi_auto.client.spool.doorbell import Bell

_CODE = """
import os, select, socket, sys
keys, file, bell = sys.argv[1:4]
keys = os.open(keys, os.O_RDWR | os.O_NONBLOCK)
file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
hand, poll = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), select.poll()
poll.register(keys, select.POLLIN)
print("ready", flush=True)
while True:
    poll.poll()
    os.read(keys, 4096)
    os.write(file, b"x" * int(sys.argv[4]))
    os.fdatasync(file)
    hand.sendto(b"!", bell)
"""
_KEY = bytes(72)  # a key and the report's end, as three events
_RINGS_WITHIN = 30.0  # seconds


class BareReader:
    """A process of its own over `folder`, by the Python that the appliance runs on."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._bell = Bell(folder / "bell.sock")
        os.mkfifo(folder / "keys")
        paths = [str(folder / name) for name in ("keys", "file", "bell.sock")]
        command = [python(), "-IS", "-c", _CODE, *paths, str(RECORD)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self._process.stdout  # noqa: S101 - it was asked for
        self._process.stdout.readline()
        self._keys = os.open(folder / "keys", os.O_WRONLY)

    def time(self) -> float:
        """Milliseconds from a key to the ring."""
        start = time.perf_counter()
        os.write(self._keys, _KEY)
        if not self._bell.wait(_RINGS_WITHIN):
            raise SystemExit("the bare reader did not ring")
        return (time.perf_counter() - start) * 1000

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        os.close(self._keys)
        self._bell.close()
