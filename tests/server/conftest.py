from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.server.context import Context, open_context
from pi_auto.server.settings import Settings
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


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """The parts of a server with trust, whose doors nobody has opened yet."""
    opened = open_context(Settings(data=tmp_path / "data", trust=True))
    yield opened
    opened.close()
