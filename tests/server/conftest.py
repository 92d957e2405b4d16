from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import Api, Registry, open_api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server without a hub."""
    with open_api(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def registry() -> Registry:
    """The hub of `api_with_hub`."""
    return Registry()


@pytest.fixture
def api_with_hub(tmp_path: Path, registry: Registry) -> Iterator[Api]:
    """A server with a hub."""
    with open_api(tmp_path / "data", registry) as opened:
        yield opened
