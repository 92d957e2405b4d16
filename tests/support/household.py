"""A whole house for one test: server with its hub, a virtual Pi with its scanner; all real processes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pi_auto.simulator.office import Office
from pi_auto.simulator.pi import VirtualPi
from pi_auto.simulator.program import Program
from pi_auto.simulator.scanner import VirtualScanner
from support import processes
from support.hub import connected
from support.waiting import wait_until

_STORED = re.compile(r"barcode stored: number=(\d+) uuid=(\S+) scanner=\S+ text=(.*)$")


class Household:
    """Server, hub and Pi under one folder; `victims` names their processes. `url` is the port without TLS."""

    victims = ("capture", "agent", "server", "worker", "hub")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._server = self._server_at("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
        self.office: Office
        self.pi: VirtualPi

    def __enter__(self) -> Self:
        try:
            self._move_in()
        except BaseException:
            processes.kill(processes.pids(str(self.folder)))
            raise
        return self

    def _move_in(self) -> None:
        bound = self._server.start()
        self._http, self._https, self._hub_mqtt = bound["http"], bound["https"], bound["hub-mqtt"]
        self.url, self.office = f"http://{self._http}", Office(self.data, self._https)
        # From now on at this very address, as a real server would be after a restart.
        self._server_again = self._server_at(self._http, self._https, self._hub_mqtt)
        self.pi = self._make_pi()
        self._start_pi()
        # An enrolment that comes while a test has the hub down is put off, as it should be.
        wait_until(lambda: "registered as " in self.pi.log.read_text(errors="replace"), 60, "the Pi has enrolled")

    def _make_pi(self) -> VirtualPi:
        return VirtualPi(self.folder / "pi", self.office.hand_out_card(), "00000000cafe0001")

    def _start_pi(self) -> None:
        self.pi.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pi.close()
        self._server.stop()
        self._server_again.stop()
        processes.kill(processes.pids(str(self.folder)))

    @property
    def scanner(self) -> VirtualScanner:
        """The Pi's scanner."""
        assert self.pi.scanner is not None
        return self.pi.scanner

    def pids(self, victim: str) -> list[int]:
        """The process of a victim; none while it is down."""
        if victim in {"capture", "agent"}:
            return processes.pids("pi_auto.client.cli", victim, str(self.pi.state))
        if victim == "hub":
            return processes.pids("pi_auto.hub.cli", str(self.data))
        server = processes.pids("pi_auto.server.cli", str(self.data))
        main = self._server.process.pid if self._server.process else 0
        return [pid for pid in server if (pid == main) == (victim == "server")]

    def kill(self, victim: str) -> bool:
        """SIGKILL it; whether there was anything to kill."""
        found = self.pids(victim)
        processes.kill(found)
        return bool(found)

    def server_has_ended(self) -> bool:
        """Whether the server's main process is no more."""
        return self._server.process is None or self._server.process.poll() is not None

    def restart_server(self) -> None:
        """Start it again where it was, once its address is free."""
        self._server.stop()
        wait_until(lambda: not self.pids("worker"), what="the old worker has gone")
        self._server = self._server_again
        self._server.start()

    def stored(self) -> dict[str, str]:
        """What the Pi signalled as stored: uuid → text, in order."""
        lines = self.pi.log.read_text(errors="replace").splitlines()
        return {found[2]: found[3] for line in lines if (found := _STORED.search(line))}

    def stop_server(self) -> None:
        """Stop it, and its hub with it."""
        self._server.stop()
        wait_until(
            lambda: not self.pids("worker") and not self.pids("hub"), what="the server and its hub have gone"
        )

    def start_server_with_another_hub(self) -> None:
        """Start it again where it was, once its hub was set aside: with a hub that knows no device."""
        self._server_again = self._server_at(self._http, self._https, "127.0.0.1:0")
        self._server = self._server_again
        self._server.start()

    def ask_hub(self, **request: Any) -> dict[str, Any]:
        """One request on the socket of the server's hub and its answer."""
        with connected(self.data / "hub" / "hub.sock") as connection, connection.makefile("rwb") as lines:
            lines.write(json.dumps(request).encode() + b"\n")
            lines.flush()
            answer: dict[str, Any] = json.loads(lines.readline())
            return answer

    def booked(self) -> list[dict[str, Any]]:
        """The device's scans in the server's books, by number."""
        return self.office.scans(self.pi.device_id)

    def booked_by_both(self) -> set[str]:
        """The uuids of the scans that both ways have brought."""
        return {scan["uuid"] for scan in self.booked() if scan["api_at"] and scan["hub_at"]}

    def status(self) -> dict[str, Any]:
        """What `pi-auto-client status --json` says."""
        command = [sys.executable, "-m", "pi_auto.client.cli", "status", "--json"]
        command += ["--config", str(self.folder / "pi" / "config.json"), "--state", str(self.pi.state)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        told: dict[str, Any] = json.loads(answer.stdout)
        return told

    def _server_at(self, http: str, https: str, hub_mqtt: str) -> Program:
        return Program(
            "pi_auto.server.cli", "run",
            "--data", str(self.data), "--http", http, "--https", https, "--hub-mqtt", hub_mqtt,
            log=self.folder / "server.log",
        )  # fmt: skip
