"""An outside TLS scanner (sslyze) at the real server's port and its hub's two: what is spoken and what not."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.batch_enrolling import card_of
from support.server import running_server
from support.tls import place

ROOT = Path(__file__).parents[2]
SSLYZE = ROOT / ".venv-tls" / "bin" / "sslyze"
pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv-tls" / "stamp").exists(), reason="sslyze is missing: script/setup-tls brings it"
)
SCANS = (
    "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--heartbleed", "--robot",
    "--openssl_ccs", "--compression", "--reneg", "--early_data",
)  # fmt: skip
BELOW = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
PORTS = ("https", "mqtt", "websocket")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the scanner says of each port."""
    folder = tmp_path_factory.mktemp("scan")
    options = ("--hub-websocket", "127.0.0.1:0")
    with running_server(folder, *options, hub_mqtt="127.0.0.1:0") as server:
        with urllib.request.urlopen(f"http://{server.http}/api/health", timeout=20) as answer:
            ports = json.load(answer)["tls"]
        assert set(ports) == set(PORTS)
        assert ports["https"] == place(server.https)[1]
        name = card_of(server, "scan").server_name
        yield {port: _scan(number, name, folder / f"{port}.json") for port, number in ports.items()}


def _scan(port: int, name: str, said: Path) -> Any:
    to = ("--sni", name, "--json_out", str(said), f"127.0.0.1:{port}")
    command = [str(SSLYZE), *SCANS, "--slow_connection", *to]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    (result,) = json.loads(said.read_text())["server_scan_results"]
    assert result["scan_status"] == "COMPLETED", ended.stdout
    return {name: one["result"] for name, one in result["scan_result"].items() if one["status"] == "COMPLETED"}


@pytest.mark.parametrize("port", PORTS)
def test_nothing_below_tls_1_2_is_spoken(found: dict[str, Any], port: str) -> None:
    for version in BELOW:
        scanned = found[port][f"{version}_cipher_suites"]
        assert scanned["rejected_cipher_suites"], version
        assert not scanned["accepted_cipher_suites"], version


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("version", ["tls_1_2", "tls_1_3"])
def test_every_cipher_that_is_spoken_is_strong(found: dict[str, Any], port: str, version: str) -> None:
    accepted = found[port][f"{version}_cipher_suites"]["accepted_cipher_suites"]
    suites = {one["cipher_suite"]["name"] for one in accepted}
    assert suites
    for suite in suites:
        assert suite.endswith(("_GCM_SHA256", "_GCM_SHA384", "_POLY1305_SHA256")), suite
        assert version == "tls_1_3" or suite.startswith("TLS_ECDHE_"), suite  # forward secrecy


@pytest.mark.parametrize("port", PORTS)
def test_no_known_hole_is_open(found: dict[str, Any], port: str) -> None:
    scanned = found[port]
    assert scanned["heartbleed"]["is_vulnerable_to_heartbleed"] is False
    assert scanned["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"] is False
    assert scanned["tls_compression"]["supports_compression"] is False
    assert scanned["robot"]["robot_result"].startswith("NOT_VULNERABLE")
    assert scanned["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"] is False
    if port != "mqtt":  # it asks by HTTP
        assert scanned["tls_1_3_early_data"]["supports_early_data"] is False  # it could be replayed
