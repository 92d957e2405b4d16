"""What the checks of the network find."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pi_auto.client.doctor.checks import (
    names,
    network,
    rfkill,
)
from support.patients import Device

ROUTE = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
)


TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 192.168.1.0/24 2 0 2
        |-- 192.168.1.0
           /24 link UNICAST
        |-- 192.168.1.18
           /32 host LOCAL
        |-- 192.168.1.255
           /32 link BROADCAST
        |-- 169.254.7.7
           /32 host LOCAL
"""


NETWORK = {
    "/sys/class/net/lo/type": "772\n", "/sys/class/net/lo/operstate": "unknown\n",
    "/sys/class/net/eth0/type": "1\n", "/sys/class/net/eth0/operstate": "up\n",
    "/sys/class/net/wlan0/type": "1\n", "/sys/class/net/wlan0/operstate": "down\n",
    "/sys/class/net/wlan0/device/x": "", "/sys/class/net/wlan0/wireless/x": "",
    "/sys/class/net/bridge0/type": "1\n", "/sys/class/net/bridge0/operstate": "down\n",
    "/proc/net/route": ROUTE, "/proc/net/fib_trie": TRIE,
    "/proc/net/if_inet6": "fe800000000000000000000000000001 02 40 20 80     eth0\n"
    "20010db8000000000000000000000018 02 40 00 80     eth0\n",
}  # fmt: skip


def test_only_wi_fi_counts_among_the_radios(device: Device) -> None:
    for number, kind in enumerate(("bluetooth", "wlan")):
        folder = f"/sys/class/rfkill/rfkill{number}"
        device.show({f"{folder}/type": f"{kind}\n", f"{folder}/name": f"phy{number}\n"})
        device.show({f"{folder}/soft": "1\n", f"{folder}/hard": "0\n"})
    assert rfkill.probe(device.patient) == rfkill.Facts((rfkill.Radio("phy1", soft=True),), connected=False)
    device.show(NETWORK)
    assert rfkill.probe(device.patient).connected


def test_the_network_as_a_person_would_tell_it(device: Device) -> None:
    device.show(NETWORK)
    assert network.probe(device.patient) == network.Facts(
        (network.Interface("eth0", up=True), network.Interface("wlan0", up=False, wireless=True)),
        ("192.168.1.18", "2001:db8::18"),
        ("eth0",),
        near=True,  # the server of these tests is this machine
        server="127.0.0.1",
    )


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://192.168.1.5:5000", True),
        ("http://192.168.2.5:5000", False),
        ("https://fleet.example", False),
        ("http://127.0.0.1:1", True),
    ],
)
def test_a_server_is_near_if_a_route_of_its_own_leads_there(tmp_path: Path, url: str, near: bool) -> None:
    device = Device(tmp_path, url, insecure_plain_http=True)
    device.show(NETWORK)
    device.show({"/proc/net/route": "\n".join(ROUTE.splitlines()[::2])})
    facts = network.probe(device.patient)
    assert (facts.near, facts.ways_out) == (near, ())


def test_a_route_that_forbids_is_no_way_out(device: Device) -> None:
    anywhere = f"{'0' * 32} 00 {'0' * 32} 00"
    unreachable = f"{anywhere} {'0' * 32} ffffffff 00000001 00000000 00200200       lo\n"
    way = f"{anywhere} fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0\n"
    device.show({"/proc/net/ipv6_route": unreachable})
    assert network.probe(device.patient).ways_out == ()
    device.show({"/proc/net/ipv6_route": unreachable + way})
    assert network.probe(device.patient).ways_out == ("eth0",)


def test_a_name_that_does_not_exist_is_told_with_who_was_asked(tmp_path: Path) -> None:
    device = Device(tmp_path, "https://no-such-host.invalid")
    device.show({"/etc/resolv.conf": "# by dhcp\nnameserver 192.0.2.53\noptions timeout:1\n"})
    facts = names.probe(device.patient)
    assert facts.resolvers == ("192.0.2.53",)
    (name,) = facts.names
    assert (name.name, name.addresses, bool(name.trouble)) == ("no-such-host.invalid", (), True)


def test_an_address_needs_no_looking_up(device: Device) -> None:
    assert names.probe(device.patient) == names.Facts()


def test_a_damaged_card_hides_nothing_of_the_network(device: Device, tmp_path: Path) -> None:
    device.settings = replace(device.settings, fleet_card=tmp_path / "card.json")
    (tmp_path / "card.json").write_text("{")
    device.show(NETWORK)
    assert network.look(device.patient).what.startswith("eth0 with 192.168.1.18")
    assert names.probe(device.patient) == names.Facts()
