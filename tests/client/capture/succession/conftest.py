from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.successions import Succession


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Succession]:
    """A capture that runs as a service, with a virtual scanner."""
    house = Succession(tmp_path)
    yield house
    house.close()
