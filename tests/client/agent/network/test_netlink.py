from __future__ import annotations

import ipaddress
import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from pi_auto.client.agent.network.netlink import (
    GET_ADDRESSES,
    OwnAddress,
    Route,
    addresses_in,
    messages,
    question,
    routes_in,
)
from pi_auto.client.agent.network.own_link import leads_on, own_addresses, own_link

TENTATIVE = 0x40
LINK_DOWN = 0x10


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + b"\0" * (-len(body) % 4)


def attribute(kind: int, octets: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(octets), kind) + octets + b"\0" * (-len(octets) % 4)


def address(text: str, bits: int = 24, flags: int = 0) -> bytes:
    parsed = ipaddress.ip_address(text)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    told = attribute(1, parsed.packed) + attribute(8, struct.pack("=I", flags))
    return message(20, struct.pack("=BBBBI", family, bits, flags & 0xFF, 0, 2) + told)


def route(*, table: int = 254, kind: int = 1, flags: int = 0, gateway: bytes = b"\x0a\0\0\x01") -> bytes:
    head = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, min(table, 252), 3, 0, kind, flags)
    told = attribute(15, struct.pack("=I", table)) + attribute(4, struct.pack("=I", 2)) + attribute(5, gateway)
    return message(24, head + told)


def test_addresses_and_open_routes_are_told() -> None:
    said = address("10.0.0.7") + address("fd00::7", 64) + route()
    assert addresses_in(said) == [
        OwnAddress(2, ipaddress.ip_address("10.0.0.7"), 24),
        OwnAddress(2, ipaddress.ip_address("fd00::7"), 64),
    ]
    assert routes_in(said) == [Route(2, b"", 0, b"\x0a\0\0\x01")]


def test_an_address_that_is_still_being_tried_is_none_yet() -> None:
    assert addresses_in(address("fd00::7", 64, TENTATIVE)) == []


def test_loopback_is_no_way_into_a_network() -> None:
    assert addresses_in(address("127.0.0.1", 8) + address("::1", 128)) == []


def test_a_route_without_a_cable_is_none() -> None:
    assert routes_in(route(flags=LINK_DOWN)) == []


def test_routes_of_the_kernels_own_tables_do_not_count() -> None:
    assert routes_in(route(table=255) + route(kind=2)) == []


@given(st.binary(max_size=300))
def test_any_bytes_are_got_over(octets: bytes) -> None:
    addresses_in(octets)
    routes_in(octets)
    body = octets[:200]
    assert len(list(messages(message(20, body) + message(24, body)))) == 2
    addresses_in(message(20, body) + message(24, body))
    routes_in(message(20, body) + message(24, body))


def test_the_kernel_of_this_machine_is_understood() -> None:
    assert len(question(GET_ADDRESSES)) == 20
    assert set(own_addresses()) <= own_link()


def test_a_connection_leads_on_while_its_address_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sock:
        assert leads_on(sock.fileno())
        assert sock.getpeername() == server.getsockname()  # it was only looked at
    assert not leads_on(0)
