from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import processes, segments
from support.appliance_site import SiteDevice, SiteServer
from support.segments import Host, Net, Segment

DeviceOn = Callable[[Host, dict[str, Any]], SiteDevice]
ServerOn = Callable[..., SiteServer]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root or the programs there are no networks: script/test says so, .ci/run has them all."""
    if why := segments.missing():
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net()
    yield made
    processes.kill(processes.pids(str(tmp_path)))
    made.close()


@pytest.fixture
def shop(net: Net) -> Segment:
    return net.segment("192.168.50.1/24")


@pytest.fixture
def office(net: Net) -> Segment:
    return net.segment("10.77.0.1/24")


@pytest.fixture
def server_host(net: Net) -> Host:
    return net.host("server")


@pytest.fixture
def device_host(net: Net) -> Host:
    return net.host("device")


@pytest.fixture
def server_on(net: Net, tmp_path: Path) -> Iterator[ServerOn]:  # noqa: ARG001 - which has to outlive it
    """Starts a server on a host."""
    made: list[SiteServer] = []

    def start(host: Host, *options: str, everywhere: str = "0.0.0.0") -> SiteServer:
        made.append(SiteServer(host, tmp_path, *options, everywhere=everywhere))
        return made[-1]

    yield start
    for server in made:
        server.stop()


@pytest.fixture
def device_on(net: Net, tmp_path: Path) -> Iterator[DeviceOn]:  # noqa: ARG001 - the same
    """A device on a host, with that card, which is not started."""
    made: list[SiteDevice] = []

    def make(host: Host, card: dict[str, Any]) -> SiteDevice:
        made.append(SiteDevice(host, tmp_path / f"device{len(made)}", card))
        return made[-1]

    yield make
    for device in made:
        device.close()
