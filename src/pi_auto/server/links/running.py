"""A hub that runs already, seen from the server: whose it is, whether it still answers, how to end it.

Devices stay connected to a hub that outlived its server, so a server that starts anew takes
it over. A hub that lives and does not answer (stopped, or stuck) holds port and data folder
and serves nobody: it is ended, so that another can be started.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.links.socket import HubSocket
from pi_auto.server.settings import Address, SettingsError
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields

_ANSWERS_WITHIN = 5.0  # seconds; a busy hub is not a dead one
_DIES_WITHIN = 1.0  # seconds, of SIGKILL


@dataclass(frozen=True, slots=True)
class RunningHub:
    """A hub's process, held so that its pid cannot become another's; to be let go.

    `address` is where it listens for MQTT, None where it does not say; `websocket` where for MQTT by
    WebSocket, if it does; `name` is what connection strings call it, with `tls` also its certificate.
    """

    pid: int
    address: Address | None
    websocket: Address | None
    name: str
    tls: bool
    _process: int  # a descriptor, see pidfd_open(2)
    _conversation: HubSocket

    @classmethod
    def find(cls, path: Path, patience: float = _ANSWERS_WITHIN) -> RunningHub | None:
        """The hub that listens on the socket `path`, if one does; it has `patience` seconds to say its address."""
        try:
            conversation = HubSocket(path, patience)
        except HubUnavailable:
            return None
        try:
            pid = conversation.listener()
            process = os.pidfd_open(pid)
        except OSError:  # it has just gone
            conversation.close()
            return None
        said = _told(conversation)
        return cls(
            pid, _address(said, "mqtt"), _address(said, "websocket"), str(said.get("host", "")),
            said.get("tls") is True, process, conversation,
        )  # fmt: skip

    def let_go(self) -> None:
        """The hub goes on without us."""
        self._conversation.close()
        os.close(self._process)

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended; whether that came within `timeout` seconds."""
        ended, _, _ = select.select([self._process], [], [], timeout)
        return bool(ended)

    def attend(self, every: float, silences: int) -> str:
        """Wait until it ends, and say how. Asked every so many seconds; after so many silences it is ended."""
        silent = 0
        while not self.wait(every):
            silent = 0 if self._answers(every) else silent + 1
            if silent == silences:
                self.kill()
                return f"by force, since it did not answer any more (process {self.pid})"
        return f"(process {self.pid})"

    def stop(self, within: float) -> None:
        """End it: asked first if it answers, by force after `within` seconds."""
        if self.address:
            with suppress(HubUnavailable):
                self._conversation.patience(within)
                self._conversation.ask({"op": "stop"})
        if not self.address or not self.wait(within):
            self.kill()

    def show(self, pem: bytes) -> None:
        """Have it show this certificate from the next connection on. Raises HubUnavailable or HubRefused."""
        self._conversation.patience(_ANSWERS_WITHIN)
        self._conversation.ask({"op": "certificate", "pem": pem.decode()})

    def kill(self) -> None:
        """End it at once; what it has acknowledged is on its disk."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
        self.wait(_DIES_WITHIN)

    def _answers(self, patience: float) -> bool:
        """Whether it says anything within `patience` seconds; one that hangs up is ending, not silent."""
        self._conversation.patience(patience)
        try:
            self._conversation.ask({"op": "info"})
        except HubUnavailable as reason:
            return not isinstance(reason.__cause__, TimeoutError)
        return True


def _told(conversation: HubSocket) -> dict[str, Any]:
    try:
        return conversation.ask({"op": "info"})
    except HubUnavailable:
        return {}


def _address(said: dict[str, Any], name: str) -> Address | None:
    try:
        return Address.parse(Fields(said).text(name, most=300), "the hub's address")
    except (FieldError, SettingsError):
        return None
