"""Capture and agent as systemd would run them out of the release that `current` names: real processes.

They are started anew when they end. Everything else that the switcher asks of a machine has nothing to do here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.switcher.services import AGENT_UNIT, Standing, Systemd, bounded


@dataclass
class _Unit:
    process: subprocess.Popen[bytes] | None = None
    release: str = ""
    restarts: int = 0


class ProcessServices(Systemd):
    """Below `root`, whose client has its settings in /etc; `scanner` is what capture reads."""

    def __init__(self, root: Path, scanner: Path) -> None:
        self._root, self._scanner = root, scanner
        self._units: dict[str, _Unit] = {}
        self._app = root / "opt/pi-auto-client/current/app"

    def log_of(self, unit: str) -> Path:
        """What a service has said."""
        return self._root / f"{unit}.log"

    def running(self) -> set[str]:
        """The releases that services run from."""
        return {unit.release for unit in self._units.values() if unit.process and unit.process.poll() is None}

    def standing(self, unit: str) -> Standing:
        """See Systemd. One that has ended by itself is started again, as Restart=always says."""
        known = self._units.get(unit)
        if known is None or known.process is None:
            return Standing(active=False, restarts=0)
        ended = known.process.poll() is not None
        if ended:
            known.restarts += 1
            self._start(unit, known)
        words = self.log_of(unit).read_text(errors="replace").splitlines()[-1:] if ended else []
        return Standing(active=not ended, restarts=known.restarts, words="".join(words))

    def restart(self, unit: str) -> None:
        """See Systemd."""
        known = self._units.setdefault(unit, _Unit())
        self._stop(known)
        known.restarts = 0
        self._start(unit, known)

    def installs(self) -> bool:
        """See Systemd. What this machine does is its own business."""
        return False

    def close(self) -> None:
        """Stop them all."""
        for unit in self._units.values():
            self._stop(unit)

    def reload(self) -> None:
        """See Systemd."""

    def enable(self, units: Sequence[str]) -> None:
        """See Systemd."""

    def disable(self, units: Sequence[str]) -> None:
        """See Systemd."""

    def make_users_and_folders(self, root: Path) -> None:
        """See Systemd."""

    def missing(self, packages: Iterable[str]) -> list[str]:
        """See Systemd."""
        return [name for name in packages if name != "python3"]

    def run_as(self, user: str, command: Sequence[str], patience: float) -> str:
        """See Systemd. There is one user; `status` finds this device by the options of its services."""
        del user
        own = self._options() if "status" in command else []
        return bounded([*command, *own], patience)

    def uid_of(self, user: str) -> int:
        """See Systemd."""
        del user
        return os.geteuid()

    def _options(self) -> list[str]:
        state = self._root / "var/lib/pi-auto-client"
        return ["--config", str(self._root / "etc/pi_auto_client.json"), "--state", str(state)]

    def _start(self, unit: str, known: _Unit) -> None:
        name = "agent" if unit == AGENT_UNIT else "capture"
        known.release = self._app.resolve().parent.name
        command = [sys.executable, "-I", str(self._app), name, *self._options(), "--scanner", str(self._scanner)]
        environment = os.environ | {"RUNTIME_DIRECTORY": str(self._root / "run/pi-auto-client")}
        with self.log_of(unit).open("ab") as log:
            known.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    @staticmethod
    def _stop(known: _Unit) -> None:
        if known.process is None:
            return
        known.process.terminate()
        try:
            known.process.wait(10)
        except subprocess.TimeoutExpired:
            known.process.kill()
            known.process.wait()
