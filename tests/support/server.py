"""The real server as processes of its own, on ports of the system's choice."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from pi_auto.server.admin.socket import ask, socket_file
from pi_auto.wire.fleet_card import FleetCard
from support import processes
from support.tls import http_to, place
from support.waiting import wait_until

_READY = "pi-auto-server ready: "
UNTRUSTED = ("--trust", "off")


class Answer:
    """What a request got: `status`, `headers`, `body`, and `json` where it is that."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        """The body as JSON values."""
        return json.loads(self.body)


class RunningServer:
    """A server that has said it is ready; `http`, `https`, `hub_mqtt` (ADDRESS:PORT or off) are what it bound.

    `url` is where the API and the pages are: at `https`, or with --trust off at `http`. `card` is its fleet's,
    without a batch token; `operator` is the token of somebody who may do everything.
    """

    def __init__(
        self, data: Path, log: Path, *options: str, program: Sequence[str] = ("-m", "pi_auto.server.cli")
    ) -> None:
        self.data, self.log = data, log
        self._from = log.stat().st_size if log.exists() else 0
        command = [sys.executable, *program, "run", "--data", str(data), "--https", "127.0.0.1:0", *options]
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        said = wait_until(self._ready, 30, "the server's ready line")
        self.http, self.hub_mqtt, self.https = said["http"], said["hub-mqtt"], said.get("https", "off")
        self.trusts = self.https != "off"
        self.url = f"https://{self.https}" if self.trusts else f"http://{self.http}"
        if self.trusts:  # at once: a test may take away whatever they are asked from
            self.card, self.operator = self._card(), self._operator()

    def said(self) -> str:
        """All that it has written so far."""
        return self.log.read_bytes()[self._from :].decode(errors="replace")

    def worker(self) -> int:
        """The pid of the process that answers requests; 0 while there is none."""
        found = processes.pids("pi_auto.server.cli", str(self.data))
        return next((pid for pid in found if pid != self.process.pid), 0)

    def hub(self) -> int:
        """The pid of its hub; 0 while there is none."""
        return next(iter(processes.pids("pi_auto.hub.cli", str(self.data))), 0)

    def kill(self) -> None:
        """SIGKILL the main process, and wait until its worker has followed. The hub stays for the next server."""
        self.process.kill()
        self.process.wait()
        servers = ("pi_auto.server.cli", str(self.data))
        wait_until(lambda: not processes.pids(*servers), 10, "the worker follows the main process")

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def ask_admin(self, request: str, **fields: Any) -> dict[str, Any]:
        """The answer to an administrator on the server's machine."""
        return ask(socket_file(self.data), {"request": request} | fields)

    def _card(self) -> FleetCard:
        """The card of its fleet, without a batch token."""
        return FleetCard.from_json(self.ask_admin("card", servers=[])["card"])

    def _operator(self) -> str:
        """The token of an operator who may do everything."""
        scopes = ["read", "devices", "fleet", "operators"]
        return str(self.ask_admin("token create", name=f"test-{os.urandom(4).hex()}", scopes=scopes)["token"])

    def request(
        self, path: str, body: object = None, *, token: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """GET, or POST of JSON (or of bytes as they are), by whoever has `token`, else by an operator."""
        octets = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        fields = {"Content-Type": "application/json"} | (headers or {})
        if token or self.trusts:
            fields = {"Authorization": f"Bearer {token or self.operator}"} | fields
        with closing(self._connection()) as connection:
            connection.request("GET" if octets is None else "POST", path, octets, fields)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def _connection(self) -> HTTPConnection:
        return http_to(self.https, self.card) if self.trusts else HTTPConnection(*place(self.http), timeout=30)

    def _ready(self) -> dict[str, str]:
        for line in self.said().splitlines():
            if line.startswith(_READY):
                return dict(part.split("=", 1) for part in shlex.split(line.removeprefix(_READY)))
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}: {self.said()}")
        return {}


@contextmanager
def running_server(
    folder: Path,
    *options: str,
    http: str = "127.0.0.1:0",
    https: str = "127.0.0.1:0",
    hub_mqtt: str = "off",
) -> Iterator[RunningServer]:
    """A server with its data in `folder`/data; whatever is left of it is killed at the end."""
    data, listen = folder / "data", ("--http", http, "--https", https, "--hub-mqtt", hub_mqtt)
    server = RunningServer(data, folder / "server.log", *listen, *options)
    try:
        yield server
    finally:
        try:
            server.stop()
        finally:
            processes.kill([pid for pid in processes.pids(str(data)) if pid != os.getpid()])
