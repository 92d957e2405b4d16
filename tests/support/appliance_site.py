"""A real server with --trust on and real devices with its card, each on a host of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pi_auto.files import write_whole
from pi_auto.simulator.scanner import VirtualScanner
from pi_auto.wire.ids import device_id_from
from support import processes
from support.segments import Host
from support.waiting import wait_until

SERVER, CLIENT = "pi_auto.server.cli", "pi_auto.client.cli"
_SERIALS = iter(range(0x5EED0001, 0x5EEDFFFF))


class SiteServer:
    """`pi-auto-server run --trust on` on a host, at all its addresses and the usual ports."""

    def __init__(self, host: Host, folder: Path, *options: str, everywhere: str = "0.0.0.0") -> None:
        self._everywhere = everywhere
        self.host, self.folder, self._options = host, folder, options
        self.data, self.log = folder / "data", folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, on whatever host it is now."""
        began = self.log.stat().st_size if self.log.exists() else 0
        self.process = self.host.start(
            sys.executable, "-m", SERVER, "run", "--data", str(self.data), "--trust", "on", "--hub-mqtt", "off",
            "--http", f"{self._everywhere}:5000", "--https", f"{self._everywhere}:5443", *self._options,
            log=self.log,
        )  # fmt: skip
        wait_until(lambda: b"ready: " in self.log.read_bytes()[began:], 60, "the server to be ready")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(15)
        wait_until(lambda: not processes.pids(SERVER, str(self.data)), 10, "the worker to have gone")

    def card(self, *addresses: str) -> dict[str, Any]:
        """A new card with a batch token, which names these addresses."""
        named = [word for address in addresses for word in ("--address", address)]
        card: dict[str, Any] = json.loads(self.say("fleet", "card", "--batch", f"b{time.monotonic_ns()}", *named))
        if not addresses:
            card["servers"] = []
        return card

    def booked(self, *, by_both: bool = False) -> list[str]:
        """The texts of all scans in the books, or of those that have come both ways."""
        from sqlalchemy import create_engine, text  # noqa: PLC0415 - only where a server is

        which = "WHERE api_at IS NOT NULL AND hub_at IS NOT NULL" if by_both else ""
        engine = create_engine(f"sqlite:///{self.data / 'books.sqlite'}")
        with engine.connect() as books:
            found = books.execute(text(f"SELECT text FROM scans {which} ORDER BY number"))  # noqa: S608 - ours
            rows = [str(row[0]) for row in found]
        engine.dispose()
        return rows

    def say(self, *words: str) -> str:
        """What a command of the administrator says."""
        command = [sys.executable, "-m", SERVER, *words, "--data", str(self.data)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


class SiteDevice:
    """`pi-auto-client run` with a fleet card or other settings, and a virtual scanner, on a host."""

    def __init__(self, host: Host, folder: Path, card: dict[str, Any] | None = None, **settings: Any) -> None:
        folder.mkdir(parents=True)
        serial = f"{next(_SERIALS):016x}"
        self.host, self.folder, self.state = host, folder, folder / "state"
        self.device_id, self.log = device_id_from(serial), folder / "client.log"
        self.scanner = VirtualScanner(folder / "scanner")
        (self.state / "agent").mkdir(parents=True, mode=0o700)
        if card:
            self._take(card)
        named = {"device_id": self.device_id, "fleet_card": str(folder / "fleet.json")}
        write_whole(folder / "config.json", json.dumps(named | settings))
        self.process: subprocess.Popen[bytes] | None = None

    def _take(self, card: dict[str, Any]) -> None:
        """As the installer does: the batch token lies apart from the card."""
        if token := card.pop("batch_token", None):
            write_whole(self.state / "agent" / "batch_token", token, mode=0o600)
        write_whole(self.folder / "fleet.json", json.dumps(card))

    def start(self) -> None:
        began = len(self.said())
        self.process = self.host.start(
            sys.executable, "-m", CLIENT, "run", "--config", str(self.folder / "config.json"),
            "--state", str(self.state), "--scanner", str(self.folder / "scanner"), log=self.log,
        )  # fmt: skip
        wait_until(lambda: "ready: " in self.said()[began:], 60, "the device to be ready")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(15)
            self.process = None

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def found_by(self) -> list[str]:
        """Who named the server, each time that it was found."""
        return re.findall(r"the fleet's server is at \S+ \((.*)\)", self.said())

    def knows(self) -> dict[str, Any] | None:
        """The last good address, as it is kept."""
        file = self.state / "agent" / "home.json"
        return json.loads(file.read_bytes()) if file.exists() else None

    def close(self) -> None:
        self.stop()
        self.scanner.close()
