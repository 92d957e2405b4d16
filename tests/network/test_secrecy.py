"""A device's first day: no secret is heard on its network, or stands in a log, a bundle or a backup."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from pi_auto.wire.connection_string import ConnectionString
from support.appliance_site import SiteDevice, SiteServer
from support.segments import Host, Net, Segment
from support.waiting import wait_until
from support.wiretap import Wiretap

from .conftest import DeviceOn, ServerOn
from .doing import allowed, delivers, finds

SERVER = "192.168.50.10"
BARCODE = "4006381333931"
WIFI_PASSWORD = "canary-Pa55word"
WIFI = f"WIFI:S:canary-net;T:WPA;P:{WIFI_PASSWORD};;"
_PIECE = 12  # bytes: what a reader of the network could begin to guess from


def asked(operator: Host, card: dict[str, Any], method: str, path: str, body: str = "", **headers: str) -> Any:
    """What the server answers to a call of an operator's machine by TLS: status, headers, body."""

    def call() -> tuple[int, Any, bytes]:
        plain = socket.create_connection((SERVER, 5443), timeout=20)
        name = f"{card['fleet_id']}.pi-auto"
        connection = http.client.HTTPConnection(name, timeout=20)
        connection.sock = ssl.create_default_context(cadata=card["ca"]).wrap_socket(plain, server_hostname=name)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    return operator.within(call)


def operator_works(operator: Host, server: SiteServer, card: dict[str, Any]) -> dict[str, bytes]:
    """Sign in by the one-time link, look at the fleet's page, ask the API by a token; the secrets of that."""
    link = server.say("operator", "link").rpartition("link=")[2].split()[0]
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    assert asked(operator, card, "GET", f"/login?link={link}")[0] == 200
    status, headers, _ = asked(operator, card, "POST", "/login", urlencode({"link": link}), **form)
    assert status == 303
    session = headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert asked(operator, card, "GET", "/fleet", Cookie=cookie)[0] == 200
    token = server.say("operator", "token-create", "till", "--scopes", "read").strip()
    status, _, body = asked(operator, card, "GET", "/api/scans", Authorization=f"Bearer {token}")
    assert (status, BARCODE in body.decode()) == (200, True)
    return {"the admin's link": link.encode(), "the session": session.encode(), "the API token": token.encode()}


def secrets_of(device: SiteDevice) -> dict[str, bytes]:
    """What was given to the device and what it has made."""
    agent = device.state / "agent"
    given = json.loads((agent / "registration.json").read_bytes())["answer"]
    key = ConnectionString.parse(given["connection_string"]).key
    pem = (agent / "device_key.pem").read_text()
    told = subprocess.run(
        ["openssl", "ec", "-noout", "-text"], input=pem, capture_output=True, text=True, check=True
    )
    scalar = told.stdout.partition("priv:")[2].partition("pub:")[0]
    return {
        "the device's key": bytes.fromhex("".join(scalar.split()).replace(":", "")).lstrip(b"\0"),
        "the device's token": given["api_token"].encode(),
        "the connection string": given["connection_string"].encode(),
        "the shared key": base64.b64decode(key),
    }


def traces(secret: bytes) -> Iterator[bytes]:
    """Pieces of a secret as it may stand in a packet: as it is, quoted, in hex, in base64 at any offset."""
    forms = {secret, quote(secret).encode(), secret.hex().encode()}
    forms |= {base64.b64encode(b"\0" * shift + secret)[4:-4] for shift in range(3)}
    for form in forms:
        middle = len(form) // 2
        yield from {form[:_PIECE], form[middle : middle + _PIECE], form[-_PIECE:]} if middle > _PIECE else {form}


def found(octets: bytes, secrets: dict[str, bytes]) -> list[str]:
    """Which of them can be read there."""
    return [name for name, secret in secrets.items() if any(trace in octets for trace in traces(secret))]


def test_no_secret_is_heard_or_written_down(
    net: Net,
    shop: Segment,
    server_host: Host,
    device_host: Host,
    server_on: ServerOn,
    device_on: DeviceOn,
    tmp_path: Path,
) -> None:
    shop.plug(server_host, "eth0", f"{SERVER}/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    operator = net.host("operator")
    shop.plug(operator, "eth0", "192.168.50.30/24")
    with Wiretap(net.router) as wire:  # whose bridge is the switch between them all
        server = server_on(server_host, "--hub-mqtt", "0.0.0.0:8883", "--server-name", SERVER)
        card = server.card()
        batch = card["batch_token"].encode()
        device = device_on(device_host, card)
        finds(device, "mDNS")
        delivers(device, server, BARCODE, 15)
        device.scanner.type(WIFI)
        wait_until(lambda: "a Wi-Fi code was scanned" in device.said(), allowed(10), "the Wi-Fi code to be read")
        wait_until(lambda: BARCODE in server.booked(by_both=True), allowed(20), "the hub to bring it as well")
        server.say("device", "set_log_level", "--level", "DEBUG", device.device_id)
        server.say("device", "diagnostics", "--save", str(tmp_path / "bundle.zip"), device.device_id)
        device.stop()
        device.start()  # which shows the token that was kept
        delivers(device, server, "5901234123457", 15)
        secrets = operator_works(operator, server, card) | secrets_of(device)
        assert wire.missed() == 0
    wifi = {"a Wi-Fi's password": WIFI_PASSWORD.encode(), "a Wi-Fi's name": b"canary-net"}
    secrets |= {"the batch token": batch} | wifi
    barcodes = {"a barcode": BARCODE.encode(), "another barcode": b"5901234123457"}
    heard = wire.carried()
    assert found(heard, secrets | barcodes) == []
    assert found(heard, {"what anybody may read": card["fleet_id"].encode()})  # it does hear them
    server.say("backup", "--to", str(tmp_path / "backups"))
    bundle = zipfile.ZipFile(tmp_path / "bundle.zip")
    (backup,) = (tmp_path / "backups").iterdir()
    written = {name: bundle.read(name) for name in bundle.namelist()} | {
        "the backup": backup.read_bytes(), "the server's log": server.log.read_bytes(),
        "the device's log": device.log.read_bytes(),
    }  # fmt: skip
    assert {place: there for place, text in written.items() if (there := found(text, secrets))} == {}
    assert found(written["the backup"], barcodes) == []
    stored = {str(path): path.read_bytes() for path in device.folder.rglob("*") if path.is_file()}
    assert {place: there for place, octets in stored.items() if (there := found(octets, wifi))} == {}


def test_in_the_clear_it_would_be_heard(net: Net, shop: Segment, server_host: Host, device_host: Host) -> None:
    """That the search finds what there is."""
    shop.plug(server_host, "eth0", f"{SERVER}/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    secrets = {"token": b"token-of-the-clear-4711", "key": bytes(range(32, 64)), "code": BARCODE.encode()}
    body = json.dumps({"key": base64.b64encode(secrets["key"]).decode(), "text": BARCODE})
    with Wiretap(net.router) as wire:
        listener = server_host.within(lambda: socket.create_server((SERVER, 5000)))
        caller = device_host.within(lambda: socket.create_connection((SERVER, 5000), timeout=10))
        with listener, caller:
            caller.sendall(f"POST / HTTP/1.1\r\nAuthorization: {secrets['token'].decode()}\r\n\r\n{body}".encode())
            wait_until(lambda: found(wire.carried(), secrets) == list(secrets), 10, "all of it to be heard")
