"""QEMU's control socket: JSON lines, one answer a command, events in between."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds; a snapshot of memory takes some


class QmpError(Exception):
    """QEMU refused a command; the text is its own."""


def connected_to(path: Path) -> socket.socket | None:
    """The control socket of a QEMU that has started; nothing yet if it does not listen there."""
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.settimeout(PATIENCE)
    try:
        control.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):  # refused: between its making and its listening
        control.close()
        return None
    return control


class Qmp:
    """A conversation with one running QEMU."""

    def __init__(self, control: socket.socket) -> None:
        self._socket = control
        self._lines = self._socket.makefile("rwb")
        self._lines.readline()  # its greeting
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:
        """What QEMU returns; QmpError if it refuses."""
        self._lines.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self._lines.flush()
        while line := self._lines.readline():
            answer = json.loads(line)
            if "error" in answer:
                raise QmpError(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]
        raise QmpError("QEMU has gone")

    def monitor(self, line: str) -> str:
        """A command of the human monitor, such as savevm; what it prints is an error."""
        said: str = self.ask("human-monitor-command", **{"command-line": line})
        if said.strip():
            raise QmpError(said.strip())
        return said

    def close(self) -> None:
        """End the conversation."""
        self._lines.close()
        self._socket.close()
