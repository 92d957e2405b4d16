from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.box import Box, can_be_built
from support.releases import release_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What script/dist makes."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, str(ROOT / "script/dist"), str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture
def box(tmp_path: Path, dist: Path) -> Iterator[Box]:
    """A machine with the guide's two files in /home/pi."""
    if not can_be_built():
        pytest.skip("needs root on a Debian machine")
    disk = tmp_path / "disk"
    disk.mkdir()
    with Box(disk) as box:
        for name in ("pi_auto_client.py", "install_pi_client.sh"):
            box.write(f"/home/pi/{name}", (dist / name).read_bytes(), mode=0o755)
        yield box


@pytest.fixture
def of_version() -> Callable[[str], bytes]:
    """A release like the one in dist/ under another version."""

    return release_of
