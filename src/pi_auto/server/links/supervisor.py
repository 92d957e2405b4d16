"""Keeps the local hub running as a child process: starts it, starts it again, ends it.

A clean stop of the server ends the hub too. A server that dies leaves it running, in a
session of its own, so that devices stay connected; the next server takes it over if it
listens where it should. A hub that no server comes back to ends by itself.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

from pi_auto.server.links.adoption import is_wanted
from pi_auto.server.links.base import HubFailed
from pi_auto.server.links.last_port import LastPort
from pi_auto.server.links.ready_line import is_ready_line, read_ready_line
from pi_auto.server.links.running import RunningHub
from pi_auto.server.links.socket import HubSocket
from pi_auto.server.links.stopping import SOCKET, STOP_WITHIN, end, stop_hub
from pi_auto.server.links.tls import HubTls, in_memory
from pi_auto.server.settings import Address

_FIRST_DELAY = 0.1  # seconds, doubled for each young death
_MOST_DELAY = 10.0
_YOUNG = 10.0
_LOOK_EVERY = 10.0  # seconds between two questions whether it is still there
_SILENCES = 3  # in a row make it one that hangs
_ORPHAN_TIMEOUT = 600  # seconds that a hub waits for its server to come back
_TRIES_OF_LAST_PORT = 3
_TRIES = 6  # until `wait_bound` gives up: a hub that is just being stopped may need three seconds to let go
_log = logging.getLogger(__name__)


class Supervisor:
    """Runs the hub with its data in `data`/hub, listening on `address`.

    With port 0 it takes the port it had before, so that devices find it again, and another
    only where that is gone.
    """

    def __init__(self, data: Path, address: Address, *, insecure: bool = False, tls: HubTls | None = None) -> None:
        self.folder = data / "hub"
        self.socket = self.folder / SOCKET
        self._address, self._insecure, self._tls = address, insecure, tls
        self._last_port = LastPort(data / "hub-port")
        self._deaths = 0
        self._refusals = 0  # of those, how often it ended by itself: it may not get its port
        self._bound: Address | None = None
        self._websocket: Address | None = None
        self._news = threading.Condition()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="hub-supervisor", daemon=True)
        self._thread.start()

    def bound(self) -> Address | None:
        """Where the hub listens; nothing while it does not."""
        return self._bound

    @property
    def speaks_tls(self) -> bool:
        """Whether the hub is to speak TLS."""
        return self._tls is not None

    def websocket(self) -> Address | None:
        """Where it listens for MQTT by WebSocket, if it does."""
        return self._websocket if self._bound else None

    def show_certificate(self) -> None:
        """Have the hub show what the server's certificate is now. Raises HubUnavailable.

        One that is starting reads it by itself, and is told once more: twice does no harm.
        """
        if self._tls:
            with HubSocket(self.socket, STOP_WITHIN) as hub:
                hub.ask({"op": "certificate", "pem": self._tls.pem().decode()})

    def wait_bound(self, timeout: float) -> Address:
        """The same once it listens; HubFailed after so many seconds, or when it has ended again and again."""
        with self._news:
            self._news.wait_for(lambda: self._bound or self._deaths >= _TRIES, timeout)
            if not self._bound:
                raise HubFailed(f"the hub does not start on {self._address}; what it said stands above")
            return self._bound

    def close(self) -> None:
        """Stop the hub: asked first, then by force."""
        with self._news:
            self._stopping.set()
            process = self._process
        if process:
            end(process)
        stop_hub(self.socket)
        self._thread.join(STOP_WITHIN)

    def _run(self) -> None:
        delay = _FIRST_DELAY
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                ended = self._adopt() or self._run_once()
            except OSError as error:  # no memory, no descriptors: that passes
                ended = f"before it began: {error}"
            self._deaths += 1
            self._tell(None)
            delay = _FIRST_DELAY if time.monotonic() - began > _YOUNG else min(2 * delay, _MOST_DELAY)
            if not self._stopping.is_set():
                _log.warning("the hub ended %s; starting it again in %.1f s", ended, delay)
                self._stopping.wait(delay)

    def _adopt(self) -> str | None:
        """Attend a hub that runs already until it ends; says how. Nothing where there is none to take over."""
        running = RunningHub.find(self.socket)
        if running is None:
            return None
        try:
            if not is_wanted(running, self._address, self._tls):
                running.stop(STOP_WITHIN)
                return None
            _log.info("took over the hub that listens on %s (process %d)", running.address, running.pid)
            self._take(running.address, running.websocket)
            return running.attend(_LOOK_EVERY, _SILENCES)
        finally:
            running.let_go()

    def _run_once(self) -> str:
        """Start a hub and attend it until it ends; says how."""
        with in_memory(self._tls.pem() if self._tls else b"") as certificate, self._news:
            if self._stopping.is_set():
                return "before it began"
            self._process = process = subprocess.Popen(
                self._command(certificate), cwd=self.folder, text=True, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, pass_fds=[certificate] if self._tls else [],
            )  # fmt: skip
        with process:
            assert process.stdout  # noqa: S101 - for the type checker: it was asked for
            for line in process.stdout:
                if self._listen(line):
                    self._attend_own()
        self._process = None
        self._refusals += process.returncode > 0
        return f"with code {process.returncode}"

    def _attend_own(self) -> None:
        running = RunningHub.find(self.socket)
        if running is None:
            return  # it has ended already
        try:
            running.attend(_LOOK_EVERY, _SILENCES)
        finally:
            running.let_go()

    def _command(self, certificate: int) -> list[str]:
        """The hub's command line; its socket is named from its own folder, since such a name is short."""
        options = ["--insecure-plain-mqtt"] if self._insecure and not self._tls else []
        options += self._tls.options(certificate) if self._tls else []
        return [
            sys.executable, "-P", "-m", "pi_auto.hub.cli", "run", "--data", str(self.folder),
            "--host", self._address.host, "--mqtt-port", str(self._port()), "--socket", SOCKET,
            "--orphan-timeout", str(_ORPHAN_TIMEOUT), *options,
        ]  # fmt: skip

    def _port(self) -> int:
        if self._address.port or self._refusals >= _TRIES_OF_LAST_PORT:
            return self._address.port
        return self._last_port.read()

    def _listen(self, line: str) -> bool:
        """Take the bound address out of the hub's ready line; whether this was one."""
        if not is_ready_line(line):
            return False
        try:
            bound = read_ready_line(line)
        except ValueError:
            _log.warning("the hub's ready line cannot be read: %s", line)
            return False
        self._take(*bound)
        return bound.mqtt is not None

    def _take(self, address: Address | None, websocket: Address | None) -> None:
        """Have these as the hub's addresses, the first also for its next start."""
        if address:
            self._websocket = websocket
            self._last_port.keep(address.port)
            self._deaths = self._refusals = 0
            self._tell(address)

    def _tell(self, address: Address | None) -> None:
        with self._news:
            self._bound = address
            self._news.notify_all()
