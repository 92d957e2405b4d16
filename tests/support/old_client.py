"""An old client's HTTP, as its contract describes it: plain, without any proof, one connection a call.

with old_door(tmp_path) as door:                # the real port without TLS over real books, and a clock to set
    door.admin("legacy on", networks=["127.0.0.0/24"], days=30)
    OldClient(door.address).register()
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pi_auto.server import serving
from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.admin.requests import answer
from pi_auto.server.app import create_app
from pi_auto.server.context import Context, open_context
from pi_auto.server.plain.port import PlainPort
from pi_auto.server.plain.serving import serve_plain
from pi_auto.server.settings import Address, Settings
from support.api import Clock
from support.server import Answer

SYSTEM_INFO = {
    "hostname": "raspberrypi", "ip_address": "192.168.1.18", "uptime_seconds": 812, "total_memory_kb": 3884000,
    "cpu_model": "ARMv7", "mac_address": "b8:27:eb:1a:2b:3c", "services": ["pi-auto-client"],
    "os_info": {"PRETTY_NAME": "Raspbian 11"},
}  # fmt: skip


@dataclass
class OldClient:
    """One old client that calls `place` (address and port) from `source`."""

    place: tuple[str, int]
    device_id: str = "pi-1a2b3c4d"
    source: str = "127.0.0.1"

    def get(self, path: str, headers: dict[str, str] | None = None, **query: str) -> Answer:
        return self._call("GET", path + ("?" + urlencode(query) if query else ""), None, headers)

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> Answer:
        octets = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._call("POST", path, octets, headers)

    def register(self, headers: dict[str, str] | None = None) -> Answer:
        body = {
            "device_id": self.device_id, "device_type": "raspberry_pi", "timestamp": "2026-11-23T17:33:00.123456",
            "system_info": SYSTEM_INFO, "auto_registered": True, "client_version": "1.0.0",
        }  # fmt: skip
        return self.post("/api/register_device", body, headers)

    def scan(self, code: str, headers: dict[str, str] | None = None) -> Answer:
        body = {"deviceId": self.device_id, "scannedBarcode": code, "quantity": 1}
        return self.post("/api/v1/raspberry/barcodeScan", body, headers)

    def check_update(self, version: str = "1.0.0") -> Answer:
        return self.get("/api/ota/check_update", device_id=self.device_id, current_version=version)

    def report(self, version: str, status: str) -> Answer:
        body = {
            "device_id": self.device_id, "version": version, "status": status,
            "timestamp": "2026-11-23T17:33:00.123456",
        }  # fmt: skip
        return self.post("/api/ota/update_status", body)

    def _call(self, method: str, path: str, body: bytes | None, headers: dict[str, str] | None) -> Answer:
        connection = http.client.HTTPConnection(*self.place, timeout=20, source_address=(self.source, 0))
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} | (headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


@dataclass
class Door:
    """The port, what is behind it, and the administrator."""

    context: Context
    clock: Clock
    address: tuple[str, int]

    def client(self, device_id: str = "pi-1a2b3c4d", source: str = "127.0.0.1") -> OldClient:
        return OldClient(self.address, device_id, source)

    def admin(self, request: str, **fields: Any) -> dict[str, Any]:
        return answer(Administrator(self.context), {"request": request} | fields)

    def device(self, device_id: str = "pi-1a2b3c4d") -> dict[str, Any]:
        """What the administrator sees of an old client."""
        found: dict[str, dict[str, Any]] = {
            each["device_id"]: each for each in self.admin("legacy list")["devices"]
        }
        return found[device_id]

    def approved(self, device_id: str = "pi-1a2b3c4d", source: str = "127.0.0.1") -> OldClient:
        """An old client that is served."""
        client = self.client(device_id, source)
        client.register()
        self.admin("legacy approve", device_id=device_id)
        return client


@contextmanager
def old_door(folder: Path, *, hub: bool = False) -> Iterator[Door]:
    """The port over books of its own."""
    clock = Clock()
    hub_mqtt = Address("127.0.0.1", 0) if hub else None
    settings = Settings(
        data=folder / "data", hub_mqtt=hub_mqtt, trust=True, https=Address("127.0.0.1", 5443),
        server_names=("fleet.local",),
    )  # fmt: skip
    settings.data.mkdir(mode=0o700)
    context = replace(open_context(settings), clock=clock)  # certificates are of today: real clients look at them
    listener = serving.bind(Address("127.0.0.1", 0))
    port = PlainPort(create_app(settings, context), context, 5443)
    serving_thread = threading.Thread(target=serve_plain, args=(listener, port))
    serving_thread.start()
    bound = serving.bound_address(listener)
    try:
        yield Door(context, clock, (bound.host, bound.port))
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        serving_thread.join(10)
        assert not serving_thread.is_alive()
        listener.close()
        context.close()
