from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rollout import Fleet, open_fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Ten devices of an older release, pi-00000000 to pi-00000009."""
    with open_fleet(tmp_path / "data", 10) as opened:
        yield opened
