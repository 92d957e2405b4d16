"""What the doctor says of networks that are not as they should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pi_auto.client.doctor.asking import ask_server
from pi_auto.client.doctor.exchange import Stop
from pi_auto.client.settings import Settings
from support.certificates import Authority
from support.fleet_home import HEALTH, SERVICE
from support.fleet_peer import FleetPeer, raw
from support.segments import Host, Segment

NAME, PLACE = "k3.pi-auto", "192.168.50.10"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in first</html>"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def settings(authority: Authority) -> Settings:
    return Settings(server_url=f"https://{NAME}", server_address=f"{PLACE}:5443", server_ca=authority.ca)


@pytest.fixture
def peer(shop: Segment, server_host: Host, device_host: Host, authority: Authority) -> Iterator[FleetPeer]:
    """A server, which is reached over one segment."""
    shop.plug(server_host, "eth0", f"{PLACE}/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    with ExitStack() as stack:
        made = FleetPeer(certificate=authority.certificate(NAME), host=PLACE, port=5443)
        made.always[HEALTH] = lambda handler, _: handler.say(200, {"service": SERVICE})
        yield server_host.within(lambda: stack.enter_context(made))


@pytest.mark.usefixtures("peer")
def test_a_network_that_loses_large_packets_is_told_from_a_server_that_is_silent(
    shop: Segment, server_host: Host, device_host: Host, settings: Settings
) -> None:
    assert device_host.within(lambda: ask_server(settings)).stop is Stop.ARRIVED
    # What is larger than the far end of a veth takes is dropped by it without a word.
    server_host.do("ip", "link", "set", "eth0", "gso_max_segs", "1")
    shop.narrow(server_host, 600)
    assert device_host.within(lambda: ask_server(settings)).stop is Stop.LARGE


def test_a_log_in_page_in_the_servers_place_is_recognised(
    shop: Segment, server_host: Host, device_host: Host, settings: Settings
) -> None:
    shop.plug(server_host, "eth0", f"{PLACE}/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    with ExitStack() as stack:
        portal = FleetPeer(host=PLACE, port=80)
        portal.always[HEALTH] = raw(PAGE)
        server_host.within(lambda: stack.enter_context(portal))
        met = device_host.within(lambda: ask_server(settings))
    assert (met.stop, met.said) == (Stop.PORTAL, "it shows a page")
