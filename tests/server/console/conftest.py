from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.site import Site, open_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path / "data") as site:
        yield site
