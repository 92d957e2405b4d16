"""Whether home is behind a network on trial: a real TLS server, dialled by one interface."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pi_auto.client.agent.errors import ApiError, Garbled, Unreachable
from pi_auto.client.agent.wifi_proof import reach
from pi_auto.client.endpoint import Endpoint
from support.certificates import Authority

NAME = "fleet.pi-auto"


@contextmanager
def server(certificate: Path | None, service: str = "barcode_scanner_server") -> Iterator[int]:
    """Somebody who answers /api/health; the port."""

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"service": service}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as serving:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            serving.socket = context.wrap_socket(serving.socket, server_side=True)
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield serving.server_address[1]
        serving.shutdown()
        thread.join()


def endpoint(port: int, ca: Path | None, *, tls: bool = True) -> Endpoint:
    return Endpoint(tls=tls, host=NAME, dialled=("127.0.0.1", port), name=NAME, ca=ca)


def test_the_fleets_server_is_reached_by_an_interface(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with server(authority.certificate(NAME)) as port:
        reach(endpoint(port, authority.ca), "lo")


def test_by_an_interface_that_does_not_lead_there_it_is_not(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with server(authority.certificate(NAME)) as port, pytest.raises(Unreachable):
        reach(endpoint(port, authority.ca), "wlan-none")


def test_an_impostor_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    with server(theirs.certificate(NAME)) as port, pytest.raises(ApiError):
        reach(endpoint(port, ours.ca), "lo")
    with server(ours.certificate("other.pi-auto")) as port, pytest.raises(ApiError):
        reach(endpoint(port, ours.ca), "lo")
    with server(ours.certificate(NAME), "a router") as port, pytest.raises(Garbled):
        reach(endpoint(port, ours.ca), "lo")


def test_a_server_without_tls_proves_nothing() -> None:
    with server(None) as port, pytest.raises(Garbled, match="proves nothing"):
        reach(endpoint(port, None, tls=False), "lo")
