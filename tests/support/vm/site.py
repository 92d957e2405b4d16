"""The fleet server that a virtual Pi belongs to, a real one on this machine; the Pi reaches it as 10.0.2.2."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from pi_auto.server.admin.installer import with_card
from pi_auto.server.links.base import MethodAnswer
from pi_auto.server.links.control import ControlRoom
from pi_auto.simulator.office import Office
from pi_auto.simulator.program import Program
from pi_auto.wire.fleet_card import FleetCard
from support.former_hub import former_hub
from support.hub import RunningHub
from support.vm.machine import HOST
from support.waiting import wait_until

CARD = "fleet.json"
ARRIVES_WITHIN = 90.0  # seconds: a device that was without network tries again within a minute


class Site:
    """A server with its data in `folder`, and the fleet that it has made.

    `here` and `plain` are where this machine and the Pi find its port without TLS, `there` is the one with TLS as
    the Pi finds it. `card` is the fleet's, with a token that lets in as many devices as there are tests.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._server = self._server_at("127.0.0.1:0", "127.0.0.1:0")
        bound = self._server.start()
        self._http, self._https = bound["http"], bound["https"]
        self.here = f"http://{self._http}"
        self.plain = f"http://{_seen_from_pi(self._http)}"
        self.there = f"https://{_seen_from_pi(self._https)}"

    @property
    def name(self) -> str:
        """What a device calls it in its status."""
        return f"fleet {self._handed_out.fleet_id}"

    @cached_property
    def card(self) -> Path:
        """The fleet's card in a file, to be installed with."""
        card = self._folder / CARD
        card.write_text(json.dumps(self._handed_out.to_json()))
        return card

    @cached_property
    def office(self) -> Office:
        """The fleet's administrator."""
        return Office(self._data, self._https)

    @cached_property
    def _handed_out(self) -> FleetCard:
        return self.office.hand_out_card(_seen_from_pi(self._https), most=1000)

    def files(self, dist: Path) -> tuple[Path, Path, Path]:
        """The guide's two files, the installer with the fleet's card inside; and the card by itself."""
        installer = self._folder / "install_pi_client.sh"
        installer.write_text(with_card((dist / "install_pi_client.sh").read_text(), self._handed_out))
        installer.chmod(0o755)
        return dist / "pi_auto_client.py", installer, self.card

    def scans(self) -> list[dict[str, Any]]:
        """What has arrived, in the order of scanning."""
        return self.office.scans()

    def wait_for(self, *texts: str, timeout: float = ARRIVES_WITHIN) -> list[dict[str, Any]]:
        """The scans of these texts once both ways have brought them all."""
        wait_until(lambda: not self._missing(texts), timeout, f"{', '.join(texts)[:200]} arrive by both ways")
        return [scan for scan in self.scans() if scan["text"] in texts]

    def set_scanner(self, scanner: str, *options: str) -> None:
        """What an operator sets of a scanner of the device that scanned last."""
        device = self.scans()[-1]["device_id"]
        command = [sys.executable, "-m", "pi_auto.server.cli", "scanner", "--data", str(self._data)]
        subprocess.run([*command, device, scanner, *options], check=True, timeout=60)

    def administer(self, line: str) -> None:
        """Run a line of pi-auto-server or pi-auto-hub, if it says any; {device} is the one that scanned last."""
        if not line:
            return
        program, *words = line.format(device=self.scans()[-1]["device_id"]).split()
        module, data = {
            "pi-auto-server": ("pi_auto.server.cli", self._data),
            "pi-auto-hub": ("pi_auto.hub.cli", self._data / "hub"),
        }[program]
        subprocess.run([sys.executable, "-m", module, *words, "--data", str(data)], check=True, timeout=60)

    def call(self, method: str, payload: dict[str, Any] | None = None) -> MethodAnswer:
        """Call a direct method of the device that scanned last, by the server's own hub."""
        room = ControlRoom(self._data / "hub" / "hub.sock")
        return room.call_method(self.scans()[-1]["device_id"], method, payload or {}, timeout=60)

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    def set_hub_aside(self) -> RunningHub:
        """Stop the server; its hub, which is to be started and killed, lets the device in no more.

        It listens where it did, so that a device which knows no better goes on knocking there.
        """
        device_id = self.scans()[-1]["device_id"]
        self._server.stop()
        return former_hub(self._data, self._folder / "former", device_id, "0.0.0.0")

    def start_with_another_hub(self) -> None:
        """Start the server again where it was, with a hub that knows no device."""
        self._server = self._server_at(self._http, self._https)
        self._server.start()

    def _server_at(self, http: str, https: str) -> Program:
        return Program(
            "pi_auto.server.cli", "run", "--data", str(self._data),
            "--http", http, "--https", https, "--server-name", HOST, "--hub-mqtt", "0.0.0.0:0",
            log=self._folder / "server.log",
        )  # fmt: skip

    def _missing(self, texts: Iterable[str]) -> set[str]:
        return set(texts) - {scan["text"] for scan in self.scans() if scan["api_at"] and scan["hub_at"]}


def _seen_from_pi(address: str) -> str:
    return f"{HOST}:{address.rpartition(':')[2]}"
