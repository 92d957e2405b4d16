"""Ends a hub, and says whether one is there to be ended, whoever has started it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pi_auto.server.links.running import RunningHub
from pi_auto.server.settings import Address

SOCKET = "hub.sock"
STOP_WITHIN = 2.0  # seconds for a hub; the server has promised to be gone within five
_ANSWERS_AT_THE_END = 1.0


def end(process: subprocess.Popen[str]) -> None:
    """End a child: asked first, then by force."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()


def holds_address(data: Path, address: Address) -> bool:
    """Whether a hub that outlived its server runs in this data folder and may have the address."""
    running = RunningHub.find(data / "hub" / SOCKET)
    if running is None:
        return False
    running.let_go()
    return running.address in (None, address)


def stop_hub(path: Path) -> None:
    """Stop the hub that listens on this socket, if one does, whoever started it."""
    if running := RunningHub.find(path, _ANSWERS_AT_THE_END):
        running.stop(STOP_WITHIN)
        running.let_go()
