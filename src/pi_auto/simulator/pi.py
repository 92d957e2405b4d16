"""A virtual Pi: the real client's processes over a state folder and a virtual scanner of their own."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pi_auto.client.capture.guarding import GUARD
from pi_auto.files import write_whole
from pi_auto.simulator.program import Program
from pi_auto.simulator.scanner import VirtualScanner
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.ids import device_id_from

_UNTIL_WHOLE = 2 * GUARD / 1e9  # seconds: a code that comes sooner may be the rest of one


class VirtualPi:
    """One device in `folder`, known by the last eight digits of `serial`; `log` holds what its client says.

    `home` is the fleet's card, or the URL of a server that is believed as it is, or empty where `settings`, which
    go into the settings file, say it. Without `scanner` (what `pi-auto-client run --scanner` takes) it has a
    virtual one, in `self.scanner`.
    """

    def __init__(
        self, folder: Path, home: FleetCard | str, serial: str, *, scanner: str | None = None, **settings: Any
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.device_id = device_id_from(serial)
        self.state = folder / "state"
        self.log = folder / "client.log"
        self.scanner = None if scanner else VirtualScanner(folder / "scanner")
        config = folder / "config.json"
        held = {"device_id": self.device_id} | self._take(folder, home) | settings
        write_whole(config, json.dumps(held))
        self.client = Program(
            "pi_auto.client.cli", "run",
            "--config", str(config), "--state", str(self.state), "--scanner", scanner or str(folder / "scanner"),
            log=self.log,
        )  # fmt: skip

    def _take(self, folder: Path, home: FleetCard | str) -> dict[str, str]:
        """What the settings say of home. As the installer does, a batch token is put apart from its card."""
        if isinstance(home, str):
            return {"server_url": home} if home else {}
        if home.batch_token:
            agent = self.state / "agent"
            agent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(agent / "batch_token", home.batch_token + "\n", mode=0o600)
        write_whole(folder / "fleet.json", json.dumps(replace(home, batch_token=None).to_json()))
        return {"fleet_card": str(folder / "fleet.json")}

    def start(self) -> None:
        """Start `pi-auto-client run`, as a person would, and wait until it takes a code for a whole one."""
        self.client.start()
        if self.scanner:
            time.sleep(_UNTIL_WHOLE)

    def close(self) -> None:
        """Stop it cleanly and unplug its scanner."""
        self.client.stop()
        if self.scanner:
            self.scanner.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
