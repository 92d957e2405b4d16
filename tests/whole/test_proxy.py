"""A site that lets nothing out but by its HTTP proxy: the whole client behind it, as its processes are."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

from pi_auto.files import write_whole
from pi_auto.simulator.pi import VirtualPi
from pi_auto.wire.hublink import TELEMETRY
from pi_auto.wire.registration import HubDial
from support.certificates import Authority
from support.fleet_peer import FleetPeer
from support.hub import running_hub
from support.proxy import ConnectProxy
from support.waiting import wait_until

FLEET, HUB = "fleet.test", "hub.test"
CODES = [f"PROXY-{number:03d}" for number in range(20)]


def test_scans_reach_server_and_hub_and_nothing_else_is_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert = str(authority.certificate(HUB))
    options = ("--name", HUB, "--https-port", "0", "--tls-cert", cert, "--tls-key", cert)
    with (
        running_hub(tmp_path, *options) as hub,
        FleetPeer(certificate=authority.certificate(FLEET)) as server,
        ConnectProxy() as proxy,
    ):
        pi = VirtualPi(tmp_path / "pi", f"https://{FLEET}", "00000000cafe0001")
        server.connection_string = str(hub.put_device(pi.device_id))
        server.hub = HubDial(HUB, 8883, tls=True, websocket_port=443)
        proxy.resolve = {f"{FLEET}:443": ("127.0.0.1", server.port), f"{HUB}:443": hub.https_address}
        settings = {
            "device_id": pi.device_id, "server_url": f"https://{FLEET}",
            "server_ca": str(authority.ca), "proxy": proxy.url,
        }  # fmt: skip
        write_whole(tmp_path / "pi" / "config.json", json.dumps(settings))
        with pi, hub.events() as events:
            assert pi.scanner is not None
            for code in CODES:
                pi.scanner.type_at_once(code)
            wait_until(lambda: server.texts() == CODES, 60, "the server has them all")
            found: list[str] = []
            while len(found) < len(CODES):
                (*_, event) = events.until(lambda each: each.type == TELEMETRY)
                found.append(json.loads(b64decode(event.body))["barcode"])
        assert found == CODES
        assert set(proxy.asked) == {f"{FLEET}:443", f"{HUB}:443"}
        assert len(proxy.asked) <= 6, "one way through for each worker, and no more"
