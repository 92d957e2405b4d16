"""NetworkManager as a program of its own on a private bus, by python-dbusmock, with networks of ours in the air.

Run by the system's Python, which has python-dbusmock; what it does there stands in network_manager_template.py.
What it is told is written to a file, for tests to read: passwords as well, since it is the one to know them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.waiting import wait_until

SYSTEM_PYTHON = "/usr/bin/python3"
TEMPLATE = Path(__file__).with_name("network_manager_template.py")


def is_possible() -> bool:
    """Whether this machine has what it takes."""
    if not (shutil.which("dbus-daemon") and Path(SYSTEM_PYTHON).exists()):
        return False
    tried = subprocess.run([SYSTEM_PYTHON, "-Ic", "import dbusmock"], capture_output=True, check=False)
    return tried.returncode == 0


@dataclass(frozen=True, slots=True)
class Air:
    """What is to be seen of it: the file it writes after everything that happens."""

    file: Path

    def now(self) -> dict[str, Any]:
        """Profiles by uuid (`saved`, `profile`), the uuid in use, and the calls that came."""
        told: dict[str, Any] = json.loads(self.file.read_text())
        return told


@contextmanager
def network_manager(folder: Path, **world: Any) -> Iterator[Air]:
    """One that runs, found by DBUS_SYSTEM_BUS_ADDRESS; `world` is described in the template."""
    command = ["dbus-daemon", "--session", "--nofork", "--print-address=1", "--nopidfile"]
    bus = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert bus.stdout
    with bus.stdout:
        address = bus.stdout.readline().strip()
    file = folder / "network-manager.json"
    world |= {"file": str(file)}
    mock = subprocess.Popen(
        [
            SYSTEM_PYTHON,
            "-m",
            "dbusmock",
            "--session",
            "--template",
            str(TEMPLATE),
            "--parameters",
            json.dumps(world),
        ],
        env={"PATH": os.environ["PATH"], "DBUS_SESSION_BUS_ADDRESS": address},
        stdout=subprocess.DEVNULL,
    )
    former = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
    try:
        wait_until(file.exists, 60.0, what="the mock")
        yield Air(file)
    finally:
        os.environ.pop("DBUS_SYSTEM_BUS_ADDRESS")
        if former:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = former
        for process in (mock, bus):
            process.kill()
            process.wait()
