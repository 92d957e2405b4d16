"""The device API over real books, asked through Flask: a registered device is one call away."""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Row, Table, select
from werkzeug.test import TestResponse

from pi_auto.server import pi_api
from pi_auto.server.context import EXTENSION, Context, open_context
from pi_auto.server.links.base import HubAccess, HubUnavailable, Link, MethodAnswer
from pi_auto.server.settings import Settings
from pi_auto.wire.batch import Acknowledgement
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.registration import HubDial
from pi_auto.wire.scan import Incident, Record, Scan
from support.records import SPOOL

NOW = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
DEVICE = "pi-1a2b3c4d"


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Registry:
    """A hub that knows devices and can be away: the interface the server asks hubs by."""

    away: bool = False
    devices: set[str] = field(default_factory=set)
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def put_device(self, device_id: str) -> HubAccess:
        if self.away:
            raise HubUnavailable("switched off by the test")
        self.devices.add(device_id)
        return HubAccess(
            ConnectionString("hub.local", device_id, "c2VjcmV0"), HubDial("127.0.0.1", 18883, tls=False)
        )

    def set_enabled(self, device_id: str, *, enabled: bool) -> None:
        self._note("set_enabled", device_id, enabled)

    def rotate_keys(self, device_id: str) -> HubAccess:
        self._note("rotate_keys", device_id)
        return self.put_device(device_id)

    def delete_device(self, device_id: str) -> None:
        self._note("delete_device", device_id)
        self.devices.discard(device_id)

    def patch_desired(self, device_id: str, patch: dict[str, Any]) -> None:
        self._note("patch_desired", device_id, patch)

    def patch_tags(self, device_id: str, patch: dict[str, Any]) -> None:
        self._note("patch_tags", device_id, patch)

    def call_method(self, device_id: str, name: str, payload: Any, *, timeout: float) -> MethodAnswer:
        self._note(name, device_id, payload, timeout)
        return MethodAnswer(200, None)

    def _note(self, *asked: Any) -> None:
        if self.away:
            raise HubUnavailable("switched off by the test")
        self.asked.append(asked)

    def close(self) -> None:
        self.away = True


@dataclass
class Device:
    """A registered device, as the device sees itself."""

    api: Api
    device_id: str
    token: str
    claim: str | None

    def send(self, *records: Record, spool: str = SPOOL, first: int = 1, **frame: Any) -> Acknowledgement:
        """Send records as the device would, numbered as they are; the acknowledgement."""
        numbers = [record.position.number for record in records]
        batch = {
            "device_id": self.device_id,
            "spool": spool,
            "first": min(numbers, default=first),
            "through": max(numbers, default=first),
            "oldest": 1,
            "scans": [record.to_json() for record in records if isinstance(record, Scan)],
            "incidents": [record.to_json() for record in records if isinstance(record, Incident)],
        } | frame
        answer = self.post(batch)
        assert answer.status_code == 200, answer.text
        return Acknowledgement.from_json(answer.get_json())

    def post(self, batch: object) -> TestResponse:
        """POST a batch, gzipped; the bare answer."""
        octets = batch if isinstance(batch, bytes) else json.dumps(batch).encode()
        return self.post_raw(gzip.compress(octets), **{"Content-Encoding": "gzip"})

    def post_raw(self, octets: bytes, **headers: str) -> TestResponse:
        """POST these very bytes."""
        fields = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | headers
        return self.api.client.post("/api/scans", data=octets, headers=fields)


@dataclass
class Api:
    """One server's books with the API before them."""

    context: Context
    clock: Clock
    client: FlaskClient

    def register(self, device_id: str = DEVICE, claim: str | None = None, **changes: Any) -> TestResponse:
        return self.client.post("/api/register_device", json=registration(device_id, claim, **changes))

    def device(self, device_id: str = DEVICE, **system_info: Any) -> Device:
        """A device that has registered with a claim of its own."""
        claim = secrets.token_hex(32)
        answer = self.register(device_id, claim, system_info={"hostname": f"host-of-{device_id}"} | system_info)
        assert answer.status_code == 200, answer.text
        return Device(self, device_id, answer.get_json()["api_token"], claim)

    def rows(self, table: Table) -> Sequence[Row[Any]]:
        with self.context.store.engine.connect() as connection:
            return connection.execute(select(table)).all()

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(path, query_string=query)


def registration(device_id: str = DEVICE, claim: str | None = None, **changes: Any) -> dict[str, Any]:
    """What the shipped client sends, with the claim that new ones add."""
    plain: dict[str, Any] = {
        "device_id": device_id,
        "device_type": "raspberry_pi",
        "timestamp": "2026-11-23T12:00:00.000Z",
        "system_info": {"hostname": "raspberrypi", "ip_address": "192.168.1.18", "services": []},
        "auto_registered": True,
        "client_version": "1.0.0",
    }
    return plain | ({"claim": claim} if claim else {}) | changes


@contextmanager
def open_api(folder: Path, link: Link | None = None, *, trust: bool = False) -> Iterator[Api]:
    """The API over books in `folder`, with a hub or without one, with a fleet or without one."""
    clock = Clock()
    opened = open_context(Settings(data=folder, trust=trust), clock)
    context = Context(opened.settings, opened.store, opened.writer, opened.changes, link, clock, opened.fleet)
    app = Flask("api")
    app.extensions[EXTENSION] = context
    app.register_blueprint(pi_api)
    try:
        yield Api(context, clock, app.test_client())
    finally:
        context.close()
