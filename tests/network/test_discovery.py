"""A device finds its server by each way alone; nobody has told it more than its card."""

from __future__ import annotations

import json
from pathlib import Path

from support.segments import Host, Net, Segment
from support.waiting import wait_until
from support.wiretap import Wiretap

from .conftest import DeviceOn, ServerOn
from .doing import SOON, delivers, finds

BARCODE = "4006381333931"


def test_by_mdns_where_the_card_names_no_address(
    shop: Segment, server_host: Host, device_host: Host, server_on: ServerOn, device_on: DeviceOn
) -> None:
    shop.plug(server_host, "eth0", "192.168.50.10/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    server = server_on(server_host)
    card = server.card()
    token = card["batch_token"]
    device = device_on(device_host, card)
    with Wiretap(device_host) as wire:
        finds(device, "mDNS")
        delivers(device, server, BARCODE, 15)
        wait_until(lambda: not device_host.listening(), 15, "nothing of ours to listen")
        fleet_id = card["fleet_id"].encode()
        wait_until(lambda: any(fleet_id in frame for frame in wire.frames), what="the answer to be seen")
        before = len(wire.frames)
        server.stop()
        wait_until(
            lambda: any(fleet_id in frame for frame in wire.frames[before:]), 5, "the server to take it back"
        )
    carried = wire.carried()
    given = json.loads((device.state / "agent" / "registration.json").read_bytes())
    for secret in (token, given["answer"]["api_token"], BARCODE):
        assert secret.encode() not in carried


def test_by_mdns_over_ipv6_alone(
    shop: Segment, server_host: Host, device_host: Host, server_on: ServerOn, device_on: DeviceOn
) -> None:
    shop.plug(server_host, "eth0", "fd00:50::10/64", gateway=False)
    shop.plug(device_host, "eth0", "fd00:50::20/64", gateway=False)
    server = server_on(server_host, everywhere="[::]")
    device = device_on(device_host, server.card())
    finds(device, "mDNS")
    assert device.knows() == {"host": "fd00:50::10", "port": 5443, "certificate": "fleet"}
    delivers(device, server, BARCODE, 15)


def test_by_the_name_in_the_search_domain_from_another_segment(
    net: Net, shop: Segment, office: Segment, server_host: Host, device_host: Host,
    server_on: ServerOn, device_on: DeviceOn, tmp_path: Path,
) -> None:  # fmt: skip
    shop.plug(server_host, "eth0", "192.168.50.10/24")
    net.serve(tmp_path, office, domain="office.test", hosts={"pi-auto.office.test": "192.168.50.10"})
    office.lease(device_host, "eth0", tmp_path)
    server = server_on(server_host)
    device = device_on(device_host, server.card())
    finds(device, "the network's DNS")
    delivers(device, server, BARCODE, 15)


def test_by_where_it_was_last_from_another_segment(
    shop: Segment, office: Segment, server_host: Host, device_host: Host, server_on: ServerOn, device_on: DeviceOn
) -> None:
    shop.plug(server_host, "eth0", "192.168.50.10/24")
    office.plug(device_host, "eth0", "10.77.0.20/24")
    server = server_on(server_host)
    device = device_on(device_host, server.card())
    (device.state / "agent" / "home.json").write_text(
        json.dumps({"host": "192.168.50.10", "port": 5443, "certificate": "fleet"})
    )
    finds(device, "where it was last")
    delivers(device, server, BARCODE, 15)


def test_by_the_cards_address_from_another_segment(
    shop: Segment, office: Segment, server_host: Host, device_host: Host, server_on: ServerOn, device_on: DeviceOn
) -> None:
    shop.plug(server_host, "eth0", "192.168.50.10/24")
    office.plug(device_host, "eth0", "10.77.0.20/24")
    server = server_on(server_host)
    device = device_on(device_host, server.card("192.168.50.10:5443"))
    finds(device, "the fleet card")
    delivers(device, server, BARCODE, 15)


def test_by_a_probe_where_nobody_announces_anything(
    shop: Segment, server_host: Host, device_host: Host, server_on: ServerOn, device_on: DeviceOn
) -> None:
    shop.plug(server_host, "eth0", "192.168.50.240/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    server = server_on(server_host, "--announce", "off")
    device = device_on(device_host, server.card())
    finds(device, "a probe of the network")
    delivers(device, server, BARCODE, 15)
    wait_until(lambda: not device_host.listening(), 15, "nothing of ours to listen")


def test_a_card_with_an_address_is_a_reason_not_to_probe(
    shop: Segment, server_host: Host, device_host: Host, server_on: ServerOn, device_on: DeviceOn
) -> None:
    shop.plug(server_host, "eth0", "192.168.50.240/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    server = server_on(server_host, "--announce", "off")
    device = device_on(device_host, server.card("192.168.50.99:5443"))
    with Wiretap(device_host) as wire:
        device.start()
        wait_until(lambda: "server is not found" in device.said(), SOON + 5, "a search to end")
    assert b"GET /api/health HTTP/1.0" not in wire.carried()
    assert bytes((192, 168, 50, 240)) not in wire.carried()
