from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.release_office import Office, open_office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as opened:
        yield opened
