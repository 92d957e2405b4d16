"""A hub that runs already: one that outlived the server which started it.

Devices stay connected to such a hub, so a server that starts anew takes it over.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.links.socket import HubSocket
from pi_auto.server.settings import Address, SettingsError
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields

_ASK_TIMEOUT = 2.0  # seconds
_MOST_PID = 2**22  # Linux: /proc/sys/kernel/pid_max is never above


@dataclass(frozen=True, slots=True)
class RunningHub:
    """A conversation with it: open for as long as the hub lives."""

    socket: HubSocket
    path: Path
    address: Address
    pid: int

    @classmethod
    def find(cls, path: Path) -> RunningHub | None:
        """The hub that answers at `path`, if one does."""
        try:
            conversation = HubSocket(path, _ASK_TIMEOUT)
        except HubUnavailable:
            return None
        try:
            said = Fields(conversation.ask({"op": "info"}))
            address = Address.parse(said.text("mqtt", most=300), "the hub's address")
            pid = said.integer("pid", least=2, most=_MOST_PID)
        except (HubUnavailable, FieldError, SettingsError):
            address = None
        if address is None:
            conversation.close()
            return None
        return cls(conversation, path, address, pid)

    def let_go(self) -> None:
        """End the conversation; the hub goes on."""
        self.socket.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it ends, or somebody hangs up; whether that came within `timeout` seconds."""
        self.socket.patience(timeout)
        try:
            for _ in self.socket.lines():
                continue
        except HubUnavailable as reason:
            return not isinstance(reason.__cause__, TimeoutError)
        return True

    def stop(self, within: float) -> None:
        """End it: asked first, by force after `within` seconds."""
        with suppress(HubUnavailable), HubSocket(self.path, _ASK_TIMEOUT) as asking:
            asking.ask({"op": "stop"})
        if not self.wait(within):  # the conversation is open, so the pid is still this hub's
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
