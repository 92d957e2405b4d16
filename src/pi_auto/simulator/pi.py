"""A virtual Pi: the real client's processes over a state folder and a virtual scanner of their own."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from pi_auto.files import write_whole
from pi_auto.simulator.program import Program
from pi_auto.simulator.scanner import VirtualScanner
from pi_auto.wire.ids import device_id_from


class VirtualPi:
    """One device in `folder`, known by the last eight digits of `serial`; `log` holds what its client says.

    Without `scanner` (what `pi-auto-client run --scanner` takes) it has a virtual one, in `self.scanner`.
    """

    def __init__(self, folder: Path, server_url: str, serial: str, *, scanner: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.device_id = device_id_from(serial)
        self.state = folder / "state"
        self.log = folder / "client.log"
        self.scanner = None if scanner else VirtualScanner(folder / "scanner")
        config = folder / "config.json"
        write_whole(config, json.dumps({"device_id": self.device_id, "server_url": server_url}))
        self.client = Program(
            "pi_auto.client.cli", "run",
            "--config", str(config), "--state", str(self.state), "--scanner", scanner or str(folder / "scanner"),
            log=self.log,
        )  # fmt: skip

    def start(self) -> None:
        """Start `pi-auto-client run`, as a person would, and wait until it is ready."""
        self.client.start()

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
