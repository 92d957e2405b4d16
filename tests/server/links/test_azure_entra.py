"""Entra ID by the real azure-identity: the managed identity of a machine, asked of a tiny endpoint of our own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pi_auto.server.links.azure.link import AzureLink
from pi_auto.server.links.azure.strings import ServiceString
from pi_auto.server.links.base import HubUnavailable
from support.troubled_rest import Said, troubled

_LATER = str(int(time.time()) + 3600)


@contextmanager
def identity_endpoint(status: int = 200) -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    """What a machine at Azure has: a token for whoever knows the header. Yields its URL and what it is asked."""
    asked: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(parse_qs(urlsplit(self.path).query))
            known = self.headers.get("X-IDENTITY-HEADER") == "of-this-machine"
            body = json.dumps({"access_token": "of-entra", "expires_on": _LATER,
                               "resource": "of-iot-hub", "token_type": "Bearer"}).encode()  # fmt: skip
            self.send_response(status if known else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body if status == 200 and known else b"{}")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/token", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_machine_with_an_identity_of_its_own_needs_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with troubled(None, tmp_path) as front, identity_endpoint() as (url, asked):
        monkeypatch.setenv("IDENTITY_ENDPOINT", url)
        monkeypatch.setenv("IDENTITY_HEADER", "of-this-machine")
        monkeypatch.setenv("SSL_CERT_FILE", str(front.ca))
        link = AzureLink.to_ask(ServiceString("localhost", front.port))
        front.plan = [Said(200, body=b"{}")] * 2
        for site in ("Lyon", "Ulm"):
            link.patch_tags("pi-1", {"site": site})
        link.close()
    assert front.shown == ["Bearer of-entra"] * 2
    assert [query["resource"] for query in asked] == [["https://iothubs.azure.net"]]  # once: it is kept
    assert "of-entra" not in caplog.text


def test_a_machine_without_one_is_told_so_and_may_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with troubled(None, tmp_path) as front, identity_endpoint() as (url, _):
        monkeypatch.setenv("IDENTITY_ENDPOINT", url)
        monkeypatch.setenv("IDENTITY_HEADER", "of another machine")
        monkeypatch.setenv("SSL_CERT_FILE", str(front.ca))
        monkeypatch.setenv("PATH", str(tmp_path))  # no Azure CLI, which it would try as well
        monkeypatch.setenv("HOME", str(tmp_path))
        link = AzureLink.to_ask(ServiceString("localhost", front.port))
        with pytest.raises(HubUnavailable, match="Entra ID gives no token"):
            link.patch_tags("pi-1", {})
        link.close()
    assert front.asked == []
