from __future__ import annotations

import json
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_auto.client.agent.network.netlink import OwnAddress
from pi_auto.client.agent.network.probing import Seldom, neighbours, server_told
from pi_auto.wire.server_address import ServerAddress

FLEET, HOST = "fxueatbdjpwi3c", "10.0.0.9"
HEALTH = {"service": "barcode_scanner_server", "fleet_id": FLEET, "tls": {"https": 5443}}


def own(text: str, bits: int = 24) -> OwnAddress:
    return OwnAddress(2, ip_address(text), bits)


def answered(body: object, head: bytes = b"HTTP/1.0 200 OK\r\nServer: x") -> bytes:
    return head + b"\r\n\r\n" + json.dumps(body).encode()


def test_all_neighbours_are_asked_and_the_device_itself_is_not() -> None:
    asked = neighbours([own("192.168.7.20")])
    assert len(asked) == 253
    assert "192.168.7.20" not in asked
    assert {asked[0], asked[-1]} == {"192.168.7.1", "192.168.7.254"}


def test_of_a_large_network_only_the_part_around_the_device_is_asked() -> None:
    asked = neighbours([own("10.1.2.3", 8)])
    assert all(ip_address(each) in ip_network("10.1.2.0/24") for each in asked)


@pytest.mark.parametrize("address", ["8.8.4.4", "169.254.7.7", "fd00::7"])
def test_strangers_networks_are_left_alone(address: str) -> None:
    assert neighbours([own(address)]) == []


def test_two_networks_take_turns_and_ten_are_four() -> None:
    assert neighbours([own("10.0.0.250"), own("10.0.1.250")])[:4] == [
        "10.0.0.1",
        "10.0.1.1",
        "10.0.0.2",
        "10.0.1.2",
    ]
    assert len(neighbours([own(f"10.0.{n}.7") for n in range(10)])) == 4 * 253


def test_a_server_of_the_fleet_says_where_its_tls_is() -> None:
    assert server_told(answered(HEALTH), HOST, FLEET) == ServerAddress(HOST, 5443)
    assert server_told(answered(HEALTH), HOST, None) == ServerAddress(HOST, 5443)  # of any fleet


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        answered(HEALTH | {"fleet_id": "fother0000000"}),
        answered(HEALTH | {"service": "printer"}),
        answered(HEALTH | {"tls": None}),
        answered(HEALTH | {"tls": {"https": True}}),
        answered(HEALTH | {"tls": {"https": 70000}}),
        answered([HEALTH]),
        answered(HEALTH, b"HTTP/1.1 302 Found"),
        b"HTTP/1.1 200 OK\r\n\r\n<html>log in first</html>",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 4000,
    ],
)
def test_what_else_answers_is_nobody(octets: bytes) -> None:
    assert server_told(octets, HOST, FLEET) is None


@given(st.binary(max_size=200))
def test_any_answer_is_got_over(octets: bytes) -> None:
    assert server_told(b"HTTP/1.1 200 OK\r\n\r\n" + octets, HOST, FLEET) is None


def test_probes_become_seldom_and_another_network_begins_anew() -> None:
    seldom = Seldom(first=60.0, longest=200.0)
    probed = [second for second in range(1000) if seldom.is_time(float(second))]
    assert probed == [0, 60, 180, 380, 580, 780, 980]
    seldom.anew()
    assert seldom.is_time(1000.0)
