"""A fleet of one for one test: the real server, a card that it made, the real client."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pi_auto.client.agent.enrolment.openssl import public_of
from pi_auto.files import write_whole
from pi_auto.simulator.office import Office
from pi_auto.simulator.pi import VirtualPi
from pi_auto.simulator.scanner import VirtualScanner
from pi_auto.wire.fleet_card import FleetCard
from support import processes
from support.server import RunningServer
from support.tls import http_to
from support.waiting import wait_until

_STORED = re.compile(r"barcode stored: number=(\d+) uuid=(\S+) ")
DEVICE, SERIAL = "pi-cafe0001", "pi-cafe0001"  # a machine without a CPU serial is known by its id


class FleetHouse:
    """Server, hub and one Pi under `folder`; the Pi is started by `start_pi`, once it has a card."""

    def __init__(self, folder: Path, *, program: Sequence[str] = ("-m", "pi_auto.server.cli")) -> None:
        self.folder, self.data = folder, folder / "data"
        self._program, self._address, self._hub = program, "127.0.0.1:0", "127.0.0.1:0"
        self._token: str | None = None
        self.card_file = folder / "fleet.json"
        self.server: RunningServer
        self.pi: VirtualPi | None = None

    def __enter__(self) -> Self:
        try:
            self.start_server()
        except BaseException:
            self._kill_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pi:
            self.pi.close()
        self.server.stop()
        self._kill_all()

    def start_server(self) -> None:
        """Start it, again where it was."""
        self.server = RunningServer(
            self.data, self.folder / "server.log", "--http", "off",
            "--https", self._address, "--hub-mqtt", self._hub, program=self._program,
        )  # fmt: skip
        self._address, self._hub = self.server.https, self.server.hub_mqtt

    def ask_admin(self, *words: str) -> str:
        """What a command of the administrator says."""
        return Office(self.data, self._address).ask(*words)

    def hand_out_card(self, *options: str) -> dict[str, Any]:
        """Make a card and put its public part where the client looks; all of the card."""
        text = self.ask_admin("fleet", "card", "--address", self._address, *options)
        card: dict[str, Any] = json.loads(text)
        public = {name: value for name, value in card.items() if name != "batch_token"}
        write_whole(self.card_file, json.dumps(public))
        return card

    def start_pi(self, batch_token: str | None = None, **settings: Any) -> VirtualPi:
        """Start a Pi with the card; tries to register follow each other fast."""
        folder = self.folder / "pi"
        agent = folder / "state" / "agent"
        agent.mkdir(parents=True, mode=0o700)
        if batch_token:
            write_whole(agent / "batch_token", batch_token + "\n", mode=0o600)
        held: dict[str, Any] = {"fleet_card": str(self.card_file), "registration_retry_interval": 2}
        self.pi = VirtualPi(folder, "", "00000000cafe0001", **held | settings)
        self.pi.start()
        return self.pi

    def restart_pi(self) -> None:
        """As after a power cut that came politely."""
        assert self.pi
        self.pi.client.stop()
        self.pi.start()

    def kill_agent(self) -> None:
        """SIGKILL the agent; its supervisor starts it again."""
        processes.kill(
            processes.pids("pi_auto.client.cli", "agent", str(self.agent_folder.parent)), signal.SIGKILL
        )

    @property
    def agent_folder(self) -> Path:
        return self.folder / "pi" / "state" / "agent"

    @property
    def scanner(self) -> VirtualScanner:
        assert self.pi
        assert self.pi.scanner
        return self.pi.scanner

    def scan(self, *texts: str) -> None:
        """Scan them, and wait until the Pi has signalled each as stored."""
        for text in texts:
            self._scan(text)

    def _scan(self, text: str) -> None:
        """Scan until it is stored: a code that is typed while its scanner is just being opened is told as lost."""
        before, lost = len(self.stored()), self._said("scan_lost")
        self.scanner.type_at_once(text)
        wait_until(lambda: len(self.stored()) > before or self._said("scan_lost") > lost, 30, "the scan is stored")
        if len(self.stored()) == before:
            self._scan(text)

    def _said(self, words: str) -> int:
        """How often the Pi's log has these words."""
        assert self.pi
        return self.pi.log.read_text(errors="replace").count(words)

    def stored(self) -> set[str]:
        """The uuids of the scans that the Pi has signalled as stored."""
        assert self.pi
        return {found[2] for found in _STORED.finditer(self.pi.log.read_text(errors="replace"))}

    def booked(self, device: str = DEVICE) -> list[dict[str, Any]]:
        """The device's scans in the books."""
        if self._token is None:
            self._token = self.ask_admin("operator", "token-create", "test", "--scopes", "read")
        answer = self.get(f"/api/scans?device={device}&limit=10000", self._token)
        scans: list[dict[str, Any]] = answer["scans"]
        return scans

    def all_arrive(self, within: float = 90.0) -> None:
        """Wait until all that is stored is booked by both ways, each once."""
        wait_until(
            lambda: {one["uuid"] for one in self.booked() if one["api_at"] and one["hub_at"]} == self.stored(),
            within, "all arrive by both ways",
        )  # fmt: skip
        assert len(self.booked()) == len(self.stored())

    def get(self, path: str, token: str) -> dict[str, Any]:
        """A GET over TLS, by the fleet's name."""
        with closing(http_to(self._address, FleetCard.parse(self.card_file.read_bytes()))) as connection:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            found: dict[str, Any] = json.loads(body)
            return found

    def status(self) -> dict[str, Any]:
        """What `pi-auto-client status --json` says."""
        told: dict[str, Any] = json.loads(self.client("status", "--json"))
        return told

    def client(self, *words: str, code: int | None = 0) -> str:
        """What a command of the client says of this Pi."""
        where = ["--config", str(self.folder / "pi" / "config.json"), "--state", str(self.folder / "pi" / "state")]
        command = [sys.executable, "-m", "pi_auto.client.cli", *words, *where]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert code in {None, done.returncode}, done.stdout + done.stderr
        return done.stdout

    def is_told(self, words: str) -> bool:
        """Whether the Pi's status has these words about its server."""
        return words in json.dumps(self.status()["server_link"])

    def key(self) -> str:
        """The fingerprint of the Pi's key."""
        pem = wait_until(lambda: self._file("device_key.pem"), 30, "the Pi has made its key")
        return public_of(pem, "the Pi's key").fingerprint

    def token(self) -> str | None:
        """The token that the Pi has kept."""
        kept = self._file("registration.json")
        return str(json.loads(kept)["answer"]["api_token"]) if kept else None

    def _file(self, name: str) -> bytes:
        file = self.agent_folder / name
        return file.read_bytes() if file.exists() else b""

    def _kill_all(self) -> None:
        processes.kill([pid for pid in processes.pids(str(self.folder)) if pid != os.getpid()])
