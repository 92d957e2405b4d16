"""An old client, written from its contract alone, with Microsoft's azure-iot-device: nothing here is ours.

First argument: the folder that is the root of its machine. It finds etc/pi_auto_client.json there, makes the calls
in the order that was seen of it, takes barcodes from its input, one a line, and tells what it does as JSON lines.
At the end of its input it says that it is offline and leaves. After an update it leaves with code 10: systemd
would start what it has installed.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from azure.iot.device import IoTHubDeviceClient, Message

ROOT = Path(sys.argv[1])
CONFIG, PROGRAM = ROOT / "etc/pi_auto_client.json", ROOT / "opt/pi-auto-client/pi_auto_client.py"
UPDATED = 10
INFO = {
    "hostname": "raspberrypi", "ip_address": "192.168.1.18", "uptime_seconds": 812, "total_memory_kb": 3884000,
    "cpu_model": "ARMv7", "mac_address": "b8:27:eb:1a:2b:3c", "services": ["pi-auto-client"], "os_info": {},
}  # fmt: skip
_saying = threading.Lock()


def say(what: str, **more: object) -> None:
    with _saying:
        sys.stdout.write(json.dumps({"told": what, **more}) + "\n")
        sys.stdout.flush()


def now() -> str:
    return datetime.now().isoformat()  # noqa: DTZ005 - without a zone, as it is


def call(path: str, body: object = None, timeout: float = 15) -> tuple[int, bytes]:
    octets = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(config["server_url"] + path, octets, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def register() -> dict[str, Any]:
    """Until it is answered with exactly 200 and JSON."""
    while True:
        body = {
            "device_id": config["device_id"], "device_type": "raspberry_pi", "timestamp": now(),
            "system_info": INFO, "auto_registered": True, "client_version": config["app_version"],
        }  # fmt: skip
        status, answer = call("/api/register_device", body)
        if status == 200:
            answered: dict[str, Any] = json.loads(answer)
            return answered
        say("not registered", status=status, answer=json.loads(answer))
        time.sleep(config["registration_retry_interval"])


def check_update() -> None:
    query = urlencode({"device_id": config["device_id"], "current_version": config["app_version"]})
    status, answer = call("/api/ota/check_update?" + query)
    offer = json.loads(answer)
    say("checked", status=status, answer=offer)
    if status != 200 or not offer["has_update"]:
        return
    status, archive = call("/api/ota/download_update?" + urlencode({"update_id": offer["update_id"]}), timeout=60)
    if status != 200 or hashlib.sha256(archive).hexdigest() != offer["file_hash"]:
        report(offer["latest_version"], "failed")
        return
    (ROOT / "tmp").mkdir(exist_ok=True)
    with zipfile.ZipFile(ROOT / "tmp" / f"backup_{int(time.time())}.zip", "w") as backup:
        backup.write(PROGRAM, "pi_auto_client.py")
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        for name in members.namelist():
            if name in ("pi_auto_client.py", "config.json"):
                (PROGRAM.parent / name).write_bytes(members.read(name))
    hub.patch_twin_reported_properties({"status": "offline", "last_seen": now()})
    hub.shutdown()
    say("updated", version=offer["latest_version"])
    sys.exit(UPDATED)


def report(version: str, status: str) -> None:
    body = {"device_id": config["device_id"], "version": version, "status": status}
    say("reported", status=call("/api/ota/update_status", body | {"timestamp": now()})[0])


def beat() -> None:
    """The twin's patch at each interval; without an answer to one there is never another."""
    while not stopping.is_set():
        hub.patch_twin_reported_properties({
            "status": "online", "last_seen": now(), "device_info": INFO,
            "heartbeat_version": "3.0", "client_version": config["app_version"],
        })  # fmt: skip
        say("beat")
        stopping.wait(heartbeat_interval)


def send(code: str) -> None:
    body = {"deviceId": config["device_id"], "scannedBarcode": code, "quantity": 1}
    status, _ = call("/api/v1/raspberry/barcodeScan", body)
    if status != 200:
        say("lost", status=status)
        return
    told = {"deviceId": config["device_id"], "barcode": code, "quantity": 1, "messageType": "barcode_scan"}
    message = Message(json.dumps(told | {"timestamp": now()}))
    message.content_type, message.content_encoding = "application/json", "utf-8"
    hub.send_message(message)  # returns with the PUBACK
    say("sent")


config = json.loads(CONFIG.read_text())
status, answer = call("/api/health", timeout=5)
health = json.loads(answer)
if (status, health["service"], health["status"]) != (200, "barcode_scanner_server", "healthy"):
    sys.exit(f"this is no server: {status} {health}")
registered = register()
string = registered["connection_string"] or config.get("connection_string")
config["connection_string"] = string
CONFIG.write_text(json.dumps(config))
heartbeat_interval = registered["server_info"]["heartbeat_interval"]
hub = IoTHubDeviceClient.create_from_connection_string(string, keep_alive=60)
hub.connect()
say("connected", answer=registered | {"connection_string": None})
stopping = threading.Event()
check_update()
threading.Thread(target=beat, daemon=True).start()
for line in sys.stdin:
    if line.strip() == "CHECK":  # an hour later
        check_update()
    else:
        send(line.strip())
stopping.set()
hub.patch_twin_reported_properties({"status": "offline", "last_seen": now()})
hub.shutdown()
say("left")
