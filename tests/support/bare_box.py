"""A Pi that nobody has given a card or a server: capture and agent as systemd would run them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pi_auto.client.agent.enrolment.openssl import public_of
from pi_auto.files import write_whole
from pi_auto.simulator.program import Program
from pi_auto.simulator.scanner import VirtualScanner
from support.waiting import wait_until

_STORED = re.compile(r"barcode stored: number=(\d+) uuid=(\S+) ")
_CLIENT = "pi_auto.client.cli"


class _OnMachine(Program):
    """A command of the client, on a machine whose /proc/cpuinfo is `cpuinfo`, where there is such a file."""

    def __init__(self, cpuinfo: Path, *arguments: str, log: Path) -> None:
        super().__init__(_CLIENT, *arguments, log=log)
        self._plain, self._cpuinfo = self._command, cpuinfo

    def start(self) -> dict[str, str]:
        """Start it, in a mount namespace of its own."""
        bound = f'mount --bind {self._cpuinfo} /proc/cpuinfo && exec "$@"'
        inside = ["unshare", "--mount", "sh", "-c", bound, "sh"] if self._cpuinfo.exists() else []
        self._command = [*inside, *self._plain]
        return super().start()


class BareBox:
    """One device in `folder`, known by `device_id`; `settings` are what people have set besides."""

    def __init__(self, folder: Path, device_id: str = "pi-cafe0001", **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.device_id = folder, device_id
        self.state, self.log = folder / "state", folder / "client.log"
        self.scanner = VirtualScanner(folder / "scanner")
        self._config = folder / "config.json"
        held = {
            "fleet_card": str(folder / "no-card.json"),
            "registration_retry_interval": 2,
            "device_id": device_id,
        }
        write_whole(self._config, json.dumps(held | settings))
        where = ("--config", str(self._config), "--state", str(self.state), "--scanner", str(folder / "scanner"))
        self.agent = _OnMachine(folder / "cpuinfo", "agent", *where, log=self.log)
        self._capture = _OnMachine(folder / "cpuinfo", "capture", *where, log=folder / "capture.log")

    def put_into(self, serial: str) -> None:
        """Its card is in the machine with this serial from the next start on. Needs root."""
        (self.folder / "cpuinfo").write_text(f"Serial\t\t: {serial}\nModel\t\t: Raspberry Pi 4\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Switch it on."""
        self.agent.start()
        self._capture.start()

    def stop(self) -> None:
        """Switch it off."""
        self._capture.stop()
        self.agent.stop()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.scanner.close()
        print(self.words())  # which pytest shows where a test fails

    def words(self) -> str:
        """All that it has logged."""
        logs = (self.log, self.folder / "capture.log")
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    def read(self, code: str, says: str) -> None:
        """Let its scanner read a code, and wait for what is said of it, once more than before."""
        before = self.words().count(says)
        self._type(code, lambda: self.words().count(says) > before, f"it says {says!r}")

    def scan(self, text: str) -> None:
        """Let its scanner read a code that is to be stored."""
        before = len(self.stored())
        self._type(text, lambda: len(self.stored()) > before, "the scan is stored")

    def _type(self, code: str, done: Callable[[], bool], what: str) -> None:
        """Once more where it was lost: its scanner had just been opened."""
        lost = self.words().count("scan_lost")
        self.scanner.type_at_once(code)
        wait_until(lambda: done() or self.words().count("scan_lost") > lost, 60, what)
        if not done():
            self._type(code, done, what)

    def stored(self) -> set[str]:
        """The uuids of what it has stored."""
        return {found[2] for found in _STORED.finditer(self.words())}

    def command(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """What a command of the client says of this box."""
        where = ["--config", str(self._config), "--state", str(self.state)]
        command = [sys.executable, "-m", _CLIENT, *words, *where]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=120)

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return told

    @property
    def agent_folder(self) -> Path:
        return self.state / "agent"

    def key(self) -> str:
        """The fingerprint of its key."""
        file = self.agent_folder / "device_key.pem"
        wait_until(file.exists, 30, "it has made its key")
        return public_of(file.read_bytes(), "its key").fingerprint
