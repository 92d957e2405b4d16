from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from pi_auto.server.app import create_app
from pi_auto.server.context import Context
from support.site import Site, open_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path / "data") as site:
        yield site


@pytest.fixture
def client(context: Context) -> FlaskClient:
    """A browser's other side: what asks that server."""
    return create_app(context.settings, context).test_client()
