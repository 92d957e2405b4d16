"""What the machine is called gets into the certificate, and nothing that nobody can reach or that passes by."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from pi_auto.server.settings import Address, Settings
from pi_auto.server.trust.own_names import (
    MOST_ADDRESSES,
    machine_addresses,
    names_of,
    own_names,
    private_addresses,
)

HOSTS = "127.0.0.1 localhost\n127.0.1.1 Tills.Example.lan tills # till.other.lan tills\n"
ULA = "fd000000000000000000000000000002 04 40 00 {flags} eth0\n"


@pytest.mark.parametrize(
    ("host", "hosts", "resolver", "names"),
    [
        ("tills", "", "", ("tills", "tills.local")),
        ("Tills", HOSTS, "search home.lan\n", ("tills", "tills.local", "tills.example.lan")),
        ("tills", "127.0.1.1 tills\n", "nameserver 9.9.9.9\nsearch home.lan b\n",
         ("tills", "tills.local", "tills.home.lan")),
        ("tills", "", "domain lan.\nsearch other\n", ("tills", "tills.local", "tills.lan")),
        ("tills.lan", HOSTS, "search x\n", ("tills.lan", "tills.local")),
        ("tills.local", "", "", ("tills.local",)),
        ("localhost", "", "search lan\n", ()),
        ("localhost.localdomain", "", "", ()),
        ("", "", "search lan\n", ()),
        ("a b", "", "search lan\n", ()),
        ("tills", "\0\xff\n#\n127.0.1.1\n", "search\nsearch .\nsearch lan\n", ("tills", "tills.local")),
        ("tills", "", "search " + "x" * 300, ("tills", "tills.local")),
    ],
)  # fmt: skip
def test_a_host_has_the_names_that_it_is_called_by(
    host: str, hosts: str, resolver: str, names: tuple[str, ...]
) -> None:
    assert names_of(host, hosts, resolver) == names


def test_only_private_addresses_that_others_reach_and_that_stay_are_borne() -> None:
    found = (
        "192.168.1.5", "10.0.0.7", "127.0.0.1", "169.254.3.4", "8.8.8.8", "::1", "fe80::1", "2001:db8::1",
        "fd00::2", "100.64.0.9", "224.0.0.251", "10.0.0.7",
    )  # fmt: skip
    kept = ["10.0.0.7", "100.64.0.9", "192.168.1.5", "fd00::2"]
    addresses = [ip_address(each) for each in found]
    assert [str(each) for each in private_addresses(addresses, ULA.format(flags="80"))] == kept
    passing = ULA.format(flags="01") + "nonsense\nxx 04 40 00 01 eth0\n"
    assert [str(each) for each in private_addresses(addresses, passing)] == kept[:3]


def test_of_a_thousand_addresses_always_the_same_few_are_borne() -> None:
    many = [ip_address(f"10.{number % 4}.{number // 250}.{number % 250}") for number in range(1000)]
    kept = private_addresses(many, "")
    assert len(kept) == MOST_ADDRESSES
    assert kept == private_addresses(reversed(many), "")


@pytest.mark.parametrize(("host", "any_found"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True)])
def test_a_server_on_loopback_bears_nothing_of_the_machine(host: str, any_found: bool) -> None:
    found = own_names(Settings(Path(), trust=True, https=Address(host, 0)))
    own = set(map(str, machine_addresses()))
    assert own >= {each for each in found if each[0].isdigit()}
    assert bool(found) is any_found
    assert not any_found or f"{socket.gethostname().partition('.')[0].lower()}.local" in found


def test_a_server_at_one_address_bears_the_names_but_no_other_address() -> None:
    found = own_names(Settings(Path(), trust=True, https=Address("192.0.2.7", 0)))
    assert f"{socket.gethostname().partition('.')[0].lower()}.local" in found
    assert not any(each[0].isdigit() for each in found)
