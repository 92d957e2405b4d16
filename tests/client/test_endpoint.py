from __future__ import annotations

import pytest

from pi_auto.client.endpoint import Endpoint, is_loopback
from pi_auto.wire.errors import FieldError


@pytest.mark.parametrize(
    ("url", "host", "dialled", "name"),
    [
        ("http://127.0.0.1:5000", "127.0.0.1:5000", ("127.0.0.1", 5000), "127.0.0.1"),
        ("https://fleet.example", "fleet.example", ("fleet.example", 443), "fleet.example"),
        ("https://fleet.example:5443/", "fleet.example:5443", ("fleet.example", 5443), "fleet.example"),
        ("http://[::1]:5000", "[::1]:5000", ("::1", 5000), "::1"),
    ],
)
def test_a_url_says_what_is_dialled_and_which_name_is_verified(
    url: str, host: str, dialled: tuple[str, int], name: str
) -> None:
    endpoint = Endpoint.of(url)
    assert (endpoint.host, endpoint.dialled, endpoint.name) == (host, dialled, name)


def test_another_address_is_dialled_while_the_name_stays() -> None:
    endpoint = Endpoint.of("https://fleet.example", address="10.0.0.7:8443", name="k3.pi-auto")
    assert (endpoint.dialled, endpoint.host, endpoint.name) == (("10.0.0.7", 8443), "fleet.example", "k3.pi-auto")


@pytest.mark.parametrize(
    "url",
    [
        "fleet.example", "ftp://fleet.example", "http://", "http://user:secret@fleet.example", "http://fleet/path",
        "http://fleet:99999", "http://fleet:0", "http://fleet/?token=1", "http://[::1",
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(FieldError, match="server_url"):
        Endpoint.of(url)


@pytest.mark.parametrize("address", ["10.0.0.7", "10.0.0.7:", ":5000", "10.0.0.7:0", "10.0.0.7:x"])
def test_what_is_no_address_is_refused_by_name(address: str) -> None:
    with pytest.raises(FieldError, match="server_address"):
        Endpoint.of("http://127.0.0.1", address=address)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
        ("10.0.0.1", False), ("0.0.0.0", False), ("localhost.evil.example", False), ("", False),
    ],
)  # fmt: skip
def test_only_what_can_be_nothing_else_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
