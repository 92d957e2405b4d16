from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_auto.simulator.program import Program
from support.vm.image import image
from support.vm.machine import HOST, Machine
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
ARRIVES_WITHIN = 60.0  # seconds


# The virtual Pi takes minutes: it is tried by script/test-vm.
collect_ignore_glob = [] if os.environ.get("PI_AUTO_VM") == "1" else ["test_*.py"]


class Site:
    """The fleet server of the tests, on this machine; the virtual Pi reaches it as 10.0.2.2."""

    def __init__(self, folder: Path) -> None:
        self._server = Program(
            "pi_auto.server.cli", "run", "--data", str(folder / "data"),
            "--http", "127.0.0.1:0", "--hub-mqtt", "0.0.0.0:0", "--insecure-plain-mqtt",
            log=folder / "server.log",
        )  # fmt: skip
        bound = self._server.start()["http"]
        self.here = f"http://{bound}"
        self.there = f"http://{HOST}:{bound.rpartition(':')[2]}"

    def scans(self) -> list[dict[str, Any]]:
        """What has arrived, in the order of scanning."""
        with urllib.request.urlopen(f"{self.here}/api/scans?limit=10000&order=oldest", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["scans"]
        return sorted(found, key=lambda scan: (scan["device_id"], scan["spool"], scan["number"]))

    def wait_for(self, text: str) -> dict[str, Any]:
        """The scan of this text once both ways have brought it."""
        return wait_until(lambda: self._find(text), ARRIVES_WITHIN, f"{text} arrives by both ways")

    def stop(self) -> None:
        self._server.stop()

    def _find(self, text: str) -> dict[str, Any] | None:
        found = [scan for scan in self.scans() if scan["text"] == text and scan["api_at"] and scan["hub_at"]]
        return found[0] if found else None


@pytest.fixture(scope="session")
def dist() -> Path:
    """The two files of the guide, freshly made."""
    subprocess.run([sys.executable, str(ROOT / "script" / "dist")], check=True, cwd=ROOT)
    return ROOT / "dist"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.stop()


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A Pi on which nothing has been done yet; one for all tests of a session, in the order they stand."""
    if shutil.which("qemu-system-x86_64") is None:
        pytest.fail(
            "QEMU is missing: apt-get install qemu-system-x86 qemu-utils mmdebstrap e2fsprogs openssh-client"
        )
    with Machine(image(), tmp_path_factory.mktemp("pi")) as machine:
        yield machine


@pytest.fixture(scope="session")
def pi(fresh: Machine, dist: Path, site: Site) -> Machine:
    """Installed as the guide says: two files copied, one command."""
    fresh.copy_in(dist / "pi_auto_client.py", dist / "install_pi_client.sh")
    fresh.run("chmod +x install_pi_client.sh")
    said = fresh.run(f"sudo ./install_pi_client.sh --server {site.there} --insecure-plain-http")
    print(said)
    return fresh
