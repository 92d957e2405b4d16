from __future__ import annotations

from ipaddress import ip_address

import pytest

from pi_auto.server.announcing import places_of
from pi_auto.server.settings import Address

OWN = [ip_address(each) for each in ("127.0.0.1", "10.0.0.2", "::1", "fe80::2", "fd00::2", "192.168.7.2")]


@pytest.mark.parametrize(
    ("listening", "announced"),
    [
        ("0.0.0.0", ["10.0.0.2", "192.168.7.2"]),
        ("::", ["10.0.0.2", "192.168.7.2", "fd00::2"]),
        ("192.168.7.2", ["192.168.7.2"]),
        ("127.0.0.1", []),
        ("::1", []),
    ],
)
def test_what_is_announced_is_where_others_reach_the_port(listening: str, announced: list[str]) -> None:
    assert [str(each) for each in places_of(Address(listening, 5443), OWN)] == announced
