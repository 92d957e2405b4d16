from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hub import RunningHub
from support.sdk import MISSING, NO_443, READY, may_take_443, sdk_hub


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    no_443 = bool(here) and not may_take_443()
    for item in here:
        if not READY:
            item.add_marker(pytest.mark.skip(reason=MISSING))
        elif no_443 and item.get_closest_marker("port_443"):
            item.add_marker(pytest.mark.skip(reason=NO_443))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for a whole file: each test brings devices of its own."""
    with sdk_hub(tmp_path_factory.mktemp("sdk")) as running:
        yield running


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest) -> str:
    """Which of azure-iot-device's two clients."""
    kind: str = request.param
    return kind
