"""The hub shows another certificate from the next connection on, and what is none changes nothing."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.hub.certificates import ensure
from support.hub import RunningHub, running_hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path, "--tls", "self", "--https-port", "0", "--websocket-port", "0") as running:
        yield running


def shown(hub: RunningHub) -> str:
    """The certificate that a new connection sees."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(hub.mqtt_address, timeout=20) as plain,
        context.wrap_socket(plain) as connection,
    ):
        return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")


def other(folder: Path) -> str:
    """Another certificate with its chain and key."""
    folder.mkdir()
    return ensure(folder, "other.example.org", "127.0.0.1")[0].read_text()


def test_a_new_connection_sees_the_new_certificate(hub: RunningHub, tmp_path: Path) -> None:
    pem = other(tmp_path / "other")
    before = shown(hub)
    assert hub.ask(op="certificate", pem=pem) == {"ok": True}
    assert shown(hub) != before
    assert shown(hub) in pem


@pytest.mark.parametrize("fault", ["empty", "words", "no key", "another's key", "a number"])
def test_what_is_no_certificate_with_its_key_changes_nothing(hub: RunningHub, tmp_path: Path, fault: str) -> None:
    first, second = other(tmp_path / "first"), other(tmp_path / "second")
    key = first.index("-----BEGIN PRIVATE KEY")
    pems: dict[str, object] = {
        "empty": "", "words": "certificate", "no key": first[:key], "a number": 5,
        "another's key": first[:key] + second[second.index("-----BEGIN PRIVATE KEY") :],
    }  # fmt: skip
    before = shown(hub)
    answer = hub.ask(op="certificate", pem=pems[fault])
    assert answer["ok"] is False
    assert "PRIVATE" not in answer["error"]
    assert shown(hub) == before


def test_a_hub_without_tls_takes_no_certificate(tmp_path: Path) -> None:
    with running_hub(tmp_path) as plain:
        assert "without TLS" in plain.ask(op="certificate", pem=other(tmp_path / "other"))["error"]


def test_a_websockets_port_without_tls_is_refused(tmp_path: Path) -> None:
    hub = RunningHub(tmp_path, options=("--websocket-port", "0"))
    with pytest.raises(AssertionError, match="goes within TLS"):
        hub.start()
