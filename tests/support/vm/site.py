"""The fleet server that a virtual Pi belongs to, a real one on this machine; the Pi reaches it as 10.0.2.2."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pi_auto.simulator.program import Program
from support.former_hub import former_hub
from support.hub import RunningHub
from support.vm.machine import HOST
from support.waiting import wait_until

ARRIVES_WITHIN = 90.0  # seconds: a device that was without network tries again within a minute


class Site:
    """A server with its data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._server = self._server_at("127.0.0.1:0")
        bound = self._server.start()["http"]
        self.here = f"http://{bound}"
        self.there = f"http://{HOST}:{bound.rpartition(':')[2]}"

    def scans(self) -> list[dict[str, Any]]:
        """What has arrived, in the order of scanning."""
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

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    def set_hub_aside(self) -> RunningHub:
        """Stop the server; its hub, which is to be started and killed, lets the device in no more.

        It listens where it did, so that a device which knows no better goes on knocking there.
        """
        device_id = self.scans()[-1]["device_id"]
        self._server.stop()
        return former_hub(self._data, self._folder / "former", device_id, "0.0.0.0", "--insecure-plain-mqtt")

    def start_with_another_hub(self) -> None:
        """Start the server again where it was, with a hub that knows no device."""
        self._server = self._server_at(self.here.removeprefix("http://"))
        self._server.start()

    def _server_at(self, http: str) -> Program:
        return Program(
            "pi_auto.server.cli", "run", "--data", str(self._data),
            "--http", http, "--hub-mqtt", "0.0.0.0:0", "--insecure-plain-mqtt",
            log=self._folder / "server.log",
        )  # fmt: skip

    def _missing(self, texts: Iterable[str]) -> set[str]:
        return set(texts) - {scan["text"] for scan in self.scans() if scan["api_at"] and scan["hub_at"]}
