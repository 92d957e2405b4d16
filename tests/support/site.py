"""A console over real books: rows are booked by the server's own code, pages asked for through Flask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, insert, update
from werkzeug.test import TestResponse

from pi_auto.server.console import console
from pi_auto.server.context import EXTENSION, Context, open_context
from pi_auto.server.fleet.tables import devices
from pi_auto.server.scans.booking import Way, book
from pi_auto.server.settings import Settings
from pi_auto.server.store.changes import next_change
from pi_auto.wire.scan import Record
from support.api import DEVICE, Clock

EVENTS = {"Accept": "text/event-stream"}


@dataclass
class Site:
    """One server's books with the console before them."""

    context: Context
    clock: Clock
    client: FlaskClient
    streams: list[TestResponse] = field(default_factory=list)

    def add_device(self, device_id: str = DEVICE, **columns: Any) -> None:
        row: dict[str, Any] = {
            "device_id": device_id,
            "client_version": "0.1.0",
            "system_info": {},
            "registered_at": self.clock(),
        }

        def job(connection: Connection) -> None:
            connection.execute(insert(devices).values(row | {"changed": next_change(connection)} | columns))

        self.context.writer.submit(job).result(10)

    def alter_device(self, device_id: str = DEVICE, **columns: Any) -> None:
        def job(connection: Connection) -> None:
            altered = update(devices).where(devices.c.device_id == device_id)
            connection.execute(altered.values({"changed": next_change(connection)} | columns))

        self.context.writer.submit(job).result(10)

    def book(self, *records: Record, device_id: str = DEVICE, way: Way = Way.API) -> None:
        now = self.clock()
        self.context.writer.submit(lambda connection: book(connection, device_id, records, way, now)).result(10)

    def page(self, query: str = "") -> str:
        answer = self.client.get(f"/{query}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def poll(
        self, after: int | None = None, at: int | None = None, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        known = {name: value for name, value in (("after", after), ("at", at)) if value is not None}
        answer = self.client.get("/live", query_string=known | (query or {}))
        assert answer.status_code == 200, answer.text
        frame: dict[str, Any] = answer.get_json()
        return frame

    def stream(self, query: str = "", **headers: str) -> TestResponse:
        """Open a live stream; it is closed when the test ends."""
        self.streams.append(self.client.get(f"/live{query}", headers=EVENTS | headers))
        return self.streams[-1]


def frames(stream: TestResponse) -> Iterator[tuple[int, dict[str, Any]]]:
    """The events of a stream: id and data."""
    for chunk in stream.iter_encoded():
        text = chunk.decode()
        if text.startswith("id: "):
            head, data = text.removesuffix("\n\n").split("\n")
            yield int(head.removeprefix("id: ")), json.loads(data.removeprefix("data: "))


def elements(fragments: list[dict[str, str]]) -> list[str]:
    return [fragment["id"] for fragment in fragments]


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """A console over books in `folder`."""
    clock = Clock()
    context = open_context(Settings(data=folder), clock)
    app = Flask("site", static_folder=None)
    app.extensions[EXTENSION] = context
    app.register_blueprint(console)
    site = Site(context, clock, app.test_client())
    try:
        yield site
    finally:
        for stream in site.streams:
            stream.close()
        context.close()
