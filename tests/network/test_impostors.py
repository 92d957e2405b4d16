"""Impostors at every address that a device may guess: it speaks to none, but to its own server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pi_auto.server.announcing import Announcing
from pi_auto.server.settings import Address
from pi_auto.wire.server_address import HTTPS_PORT
from support.appliance_site import SiteDevice
from support.certificates import Authority
from support.fleet_home import HEALTH, SERVICE
from support.fleet_peer import FleetPeer
from support.segments import Host, Net, Segment
from support.waiting import wait_until
from support.wiretap import Wiretap

from .conftest import DeviceOn, ServerOn

PLACES = ("192.168.50.11", "192.168.50.12", "192.168.50.13", "192.168.50.14")
LAST, CARD, NAMED, ANNOUNCED = PLACES
BARCODE = "5901234123457"
IN_THE_CLEAR = {"server_url": "http://192.168.50.11:5000", "insecure_plain_http": True}


@dataclass
class Impostor:
    """Says all the right things, by both ports, with a certificate that is not the fleet's."""

    tls: FleetPeer
    plain: FleetPeer
    announcing: Announcing


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def impostor(host: Host, place: str, fleet_id: str, certificate: Path, stack: ExitStack) -> Impostor:
    """On a host with that address."""
    health = {"status": "healthy", "service": SERVICE, "fleet_id": fleet_id, "tls": {"https": HTTPS_PORT}}
    tls = FleetPeer(certificate=certificate, host=place, port=HTTPS_PORT)
    plain = FleetPeer(host=place, port=5000)
    for peer in (tls, plain):
        peer.always[HEALTH] = lambda handler, _: handler.say(200, health)
        host.within(partial(stack.enter_context, peer))
    announcing = host.within(lambda: Announcing(fleet_id, Address(place, HTTPS_PORT), 5000))
    stack.callback(announcing.close)
    return Impostor(tls, plain, announcing)


def turns_down(device: SiteDevice, place: str) -> bool:
    """Whether it has said why the server there is none of its fleet."""
    return f"{place}:5443 (" in device.said()


@pytest.mark.parametrize("certificate", ["another authority's, for the fleet's name", "a name of the world"])
def test_no_device_speaks_to_an_impostor(
    net: Net, shop: Segment, device_host: Host, server_host: Host, certificate: str,
    server_on: ServerOn, device_on: DeviceOn, tmp_path: Path, stack: ExitStack,
) -> None:  # fmt: skip
    net.serve(tmp_path, shop, domain="shop.test", hosts={"pi-auto.shop.test": NAMED})
    shop.lease(device_host, "eth0", tmp_path)
    shop.plug(server_host, "eth0", "192.168.50.30/24")
    server = server_on(server_host, "--announce", "off")
    card = server.card()
    server.stop()
    fleet_id = str(card["fleet_id"])
    (tmp_path / "authority").mkdir()
    authority = Authority(tmp_path / "authority")
    name = f"{fleet_id}.pi-auto" if "fleet" in certificate else "www.example.com"
    impostors = []
    for number, place in enumerate(PLACES):
        host = net.host(f"impostor{number}")
        shop.plug(host, "eth0", f"{place}/24")
        impostors.append(impostor(host, place, fleet_id, authority.certificate(name), stack))
    card["servers"] = [{"host": CARD, "port": HTTPS_PORT, "certificate": "fleet"}]
    token = str(card["batch_token"])
    device = device_on(device_host, card)
    (device.state / "agent" / "home.json").write_text(
        json.dumps({"host": LAST, "port": HTTPS_PORT, "certificate": "fleet"})
    )
    with Wiretap(device_host) as wire:
        device.start()
        device.scanner.type(BARCODE)
        for place in PLACES:
            wait_until(partial(turns_down, device, place), 60, f"{place} to be turned down")
        assert not device.found_by()
        assert [peer.tls.received for peer in impostors] == [[]] * len(PLACES)
        assert {path for peer in impostors for path, _ in peer.plain.received} <= {HEALTH}
        server.start()
        (device.state / "agent" / "home.json").write_text(
            json.dumps({"host": "192.168.50.30", "port": HTTPS_PORT, "certificate": "fleet"})
        )
        wait_until(lambda: BARCODE in server.booked(), 45, "the scan to reach the real server")
    assert device.found_by() == ["where it was last"]
    assert [peer.tls.received for peer in impostors] == [[]] * len(PLACES)
    given = json.loads((device.state / "agent" / "registration.json").read_bytes())
    for secret in (token, given["answer"]["api_token"], BARCODE):
        assert secret.encode() not in wire.carried()


def test_no_device_speaks_to_an_impostor_that_a_probe_comes_upon(
    net: Net, shop: Segment, device_host: Host, server_host: Host,
    server_on: ServerOn, device_on: DeviceOn, tmp_path: Path, stack: ExitStack,
) -> None:  # fmt: skip
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    shop.plug(server_host, "eth0", "192.168.50.30/24")
    server = server_on(server_host, "--announce", "off")
    card = server.card()
    (tmp_path / "authority").mkdir()
    certificate = Authority(tmp_path / "authority").certificate(f"{card['fleet_id']}.pi-auto")
    host = net.host("impostor")
    shop.plug(host, "eth0", "192.168.50.11/24")
    peer = impostor(host, "192.168.50.11", str(card["fleet_id"]), certificate, stack)
    peer.announcing.close()
    device = device_on(device_host, card)
    device.start()
    wait_until(device.found_by, 45, "the real server to be found")
    assert (device.knows() or {})["host"] == "192.168.50.30"
    assert peer.plain.received == [(HEALTH, None)]
    assert peer.tls.received == []


@pytest.mark.parametrize(
    "tempting", [{}, {"server_url": "http://192.168.50.11:5000", "insecure_plain_http": True}]
)
def test_no_device_speaks_in_the_clear_where_tls_is_kept_from_it(
    shop: Segment, net: Net, device_host: Host, server_host: Host, tempting: dict[str, Any],
    server_on: ServerOn, device_on: DeviceOn, stack: ExitStack,
) -> None:  # fmt: skip
    """Somebody in between lets no TLS through, and answers plain HTTP as a server of the time before TLS did."""
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    shop.plug(server_host, "eth0", "192.168.50.30/24")
    server = server_on(server_host, "--announce", "off")
    card = server.card()
    server.stop()
    health = {"status": "healthy", "service": SERVICE, "fleet_id": card["fleet_id"], "tls": {"https": 5000}}
    between = net.host("between")
    shop.plug(between, "eth0", "192.168.50.11/24")
    peer = FleetPeer(host="192.168.50.11", port=5000)
    peer.always[HEALTH] = lambda handler, _: handler.say(200, health)
    between.within(partial(stack.enter_context, peer))
    token = str(card["batch_token"])
    device = device_on(device_host, card)
    settings = json.loads((device.folder / "config.json").read_bytes())
    (device.folder / "config.json").write_text(json.dumps(settings | tempting))
    with Wiretap(device_host) as wire:
        device.start()
        device.scanner.type(BARCODE)
        wait_until(lambda: "server is not found" in device.said(), 45, "a search to end")
        server.start()
        (device.state / "agent" / "home.json").write_text(
            json.dumps({"host": "192.168.50.30", "port": HTTPS_PORT, "certificate": "fleet"})
        )
        wait_until(lambda: BARCODE in server.booked(), 60, "the scan to reach the real server")
    assert {path for path, _ in peer.received} == (set() if tempting else {HEALTH})
    for secret in (token, BARCODE, device.device_id):
        assert secret.encode() not in wire.carried()
