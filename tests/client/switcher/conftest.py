from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.update_box import UpdateBox


@pytest.fixture
def folder() -> Iterator[Path]:
    """A root folder that other users reach, as they do not reach pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="pi-auto-switcher-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def box(folder: Path) -> UpdateBox:
    """A device that runs version 1.0.0."""
    return UpdateBox(folder)
