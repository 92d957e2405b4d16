"""The fleet server that a virtual Pi belongs to, a real one on this machine; the Pi reaches it as 10.0.2.2."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from pi_auto.server.admin.installer import with_card
from pi_auto.server.links.base import MethodAnswer
from pi_auto.server.links.control import ControlRoom
from pi_auto.simulator.office import Office
from pi_auto.simulator.program import Program
from support.former_hub import former_hub
from support.hub import RunningHub
from support.server import UNTRUSTED
from support.vm.machine import HOST
from support.waiting import wait_until

ARRIVES_WITHIN = 90.0  # seconds: a device that was without network tries again within a minute


class Site:
    """A server with its data in `folder`. `here` and `there` are where this machine and the Pi find it.

    With `trust` it has a fleet, as servers have: `there` is by TLS, and `plain` the port without. Otherwise it
    trusts everybody, and the Pi is told so.
    """

    def __init__(self, folder: Path, *, trust: bool = False) -> None:
        self._folder, self._data, self.trust = folder, folder / "data", trust
        self._server = self._server_at("127.0.0.1:0", "127.0.0.1:0")
        bound = self._server.start()
        self._http, self._https = bound["http"], bound.get("https", "off")
        self.here = f"http://{self._http}"
        self.plain = f"http://{_seen_from_pi(self._http)}"
        self.there = f"https://{_seen_from_pi(self._https)}" if trust else self.plain
        self.home = ("--server", self.there, *(() if trust else ("--insecure-plain-http",)))

    @cached_property
    def office(self) -> Office:
        """The fleet's administrator."""
        return Office(self._data, self._https)

    def files(self, dist: Path) -> tuple[Path, Path, Path]:
        """The guide's two files, the installer with the fleet's card inside; and the card by itself."""
        card, installer = self._folder / "fleet.json", self._folder / "install_pi_client.sh"
        if not card.exists():
            made = self.office.hand_out_card(_seen_from_pi(self._https), most=100)
            card.write_text(json.dumps(made.to_json()))
            bare = (dist / "install_pi_client.sh").read_text()
            installer.write_text(with_card(bare, made))
            installer.chmod(0o755)
        return dist / "pi_auto_client.py", installer, card

    def scans(self) -> list[dict[str, Any]]:
        """What has arrived, in the order of scanning."""
        if self.trust:
            return self.office.scans()
        with urllib.request.urlopen(f"{self.here}/api/scans?limit=10000&order=oldest", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["scans"]
        return sorted(found, key=lambda scan: (scan["device_id"], scan["spool"], scan["number"]))

    def wait_for(self, *texts: str, timeout: float = ARRIVES_WITHIN) -> list[dict[str, Any]]:
        """The scans of these texts once both ways have brought them all."""
        wait_until(lambda: not self._missing(texts), timeout, f"{', '.join(texts)[:200]} arrive by both ways")
        return [scan for scan in self.scans() if scan["text"] in texts]

    def set_scanner(self, scanner: str, *options: str) -> None:
        """What an operator sets of a scanner of the device that scanned last."""
        device = self.scans()[-1]["device_id"]
        command = [sys.executable, "-m", "pi_auto.server.cli", "scanner", "--data", str(self._data)]
        subprocess.run([*command, device, scanner, *options], check=True, timeout=60)

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
        plain = () if self.trust else ("--insecure-plain-mqtt",)
        return former_hub(self._data, self._folder / "former", device_id, "0.0.0.0", *plain)

    def start_with_another_hub(self) -> None:
        """Start the server again where it was, with a hub that knows no device."""
        self._server = self._server_at(self._http, self._https)
        self._server.start()

    def _server_at(self, http: str, https: str) -> Program:
        trusting = (
            ("--https", https, "--server-name", HOST) if self.trust else (*UNTRUSTED, "--insecure-plain-mqtt")
        )
        return Program(
            "pi_auto.server.cli", "run", "--data", str(self._data),
            "--http", http, "--hub-mqtt", "0.0.0.0:0", *trusting,
            log=self._folder / "server.log",
        )  # fmt: skip

    def _missing(self, texts: Iterable[str]) -> set[str]:
        return set(texts) - {scan["text"] for scan in self.scans() if scan["api_at"] and scan["hub_at"]}


def _seen_from_pi(address: str) -> str:
    return f"{HOST}:{address.rpartition(':')[2]}"
