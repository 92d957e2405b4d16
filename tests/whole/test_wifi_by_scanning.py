"""From the scanner to the network and back: capture, the helper, NetworkManager, the agent's proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.wifi.outcomes import SENTENCES, Outcome
from pi_auto.wire.scan import Incident
from support.captures import Bench
from support.keys import Fifo
from support.network_manager import is_possible, network_manager
from support.spools import held
from support.wifi import Rig

pytestmark = pytest.mark.skipif(not is_possible(), reason="needs dbus-daemon and python3-dbusmock of Debian")

SECRET, NAME = "canary-Pa55;word", "canary-net"
CODE = f"WIFI:S:{NAME};T:WPA;P:{SECRET.replace(';', chr(92) + ';')};;"
AIR = {NAME: {"password": SECRET}}
EAN = "4006381333931"


@pytest.mark.parametrize(
    ("home", "kind", "outcome"),
    [(True, "wifi_joined", Outcome.JOINED), (False, "wifi_undone", Outcome.NO_SERVER)],
)
def test_a_wifi_is_scanned_tried_and_reported_without_a_word_of_it(
    tmp_path: Path, home: bool, kind: str, outcome: Outcome
) -> None:
    for name in ("bus", "rig"):
        (tmp_path / name).mkdir()
    bench, rig = Bench(tmp_path / "state", Fifo(tmp_path / "scanner")), Rig(tmp_path / "rig", home=home)
    with network_manager(tmp_path / "bus", air=AIR, known=["office"]) as air, rig.serving():
        with bench.capture(None, "--door", str(rig.door)) as capture:
            bench.type(CODE)
            bench.type(EAN)  # scanning goes on meanwhile
            capture.wait_for_scans(1)
            capture.said(f"{kind}: number=2")
            assert capture.stop() == 0
        assert len(air.now()["profiles"]) == 1 + home
    bench.fifo.close()
    scan, incident = held(bench.folder)
    assert isinstance(incident, Incident)
    assert (incident.type, incident.reason) == (kind, f"a Wi-Fi code was scanned: {SENTENCES[outcome]}")
    for path in (path for path in tmp_path.rglob("*") if path.is_file() and "bus" not in path.parts):
        told = path.read_bytes()
        assert SECRET.encode() not in told, path
        assert SECRET.partition(";")[0].encode() not in told, path
        assert NAME.encode() not in told, path
    assert getattr(scan, "text", None) == EAN
