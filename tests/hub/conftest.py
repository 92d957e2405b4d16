from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hub import RunningHub, running_hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for a table of cases that leave nothing behind."""
    with running_hub(tmp_path_factory.mktemp("shared")) as running:
        yield running
