from __future__ import annotations

import pytest

from pi_auto.client.doctor.portal import portal_at, told_by
from support.fleet_peer import Fault, FleetPeer, drip, hang, raw

HEALTH = "/api/health"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!DOCTYPE html><title>Welcome to the hotel</title>"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (PAGE, "it shows a page"),
        (b"HTTP/1.1 511 Network Authentication Required\r\n\r\n<html>", "it shows a page"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://login.hotel/?for=me\r\n\r\n",
            "it sends to http://login.hotel/?for=me",
        ),
        (b"HTTP/1.1 303 See Other\r\nLocation: http://login.hotel/\r\n\r\n", "it sends to http://login.hotel/"),
        (b"HTTP/1.0 302 Found\r\nLocation: http://x/\x1b[31m\r\n\r\n", "it sends to http://x/\\x1b[31m"),
        (b"HTTP/1.1 301 Moved\r\nlocation: https://fleet.example/api/health\r\n\r\n", ""),
        (b'HTTP/1.1 200 OK\r\n\r\n{"service":"barcode_scanner_server"}', ""),
        (b"HTTP/1.1 404 Not Found\r\n\r\nnothing", ""),
        (b"SSH-2.0-OpenSSH <html>", ""),
        (b"", ""),
    ],
)
def test_a_log_in_page_is_told_from_everything_else(answer: bytes, told: str) -> None:
    assert told_by(answer) == told


def test_it_is_asked_for_over_plain_http() -> None:
    with FleetPeer() as peer:
        peer.fail(HEALTH, raw(PAGE))
        assert portal_at("127.0.0.1", (peer.port,)) == "it shows a page"


@pytest.mark.parametrize("fault", [hang, drip])
def test_one_that_says_nothing_or_never_ends_is_left(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pi_auto.client.doctor.portal._PATIENCE", 0.3)
    with FleetPeer() as peer:
        peer.fail(HEALTH, fault)
        assert portal_at("127.0.0.1", (peer.port,)) == ""
