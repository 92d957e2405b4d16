"""What the server is asked and told: answers below 500, JSON that anybody reads, no formula, no markup."""

from __future__ import annotations

import atexit
import csv
import gzip
import io
import json
import logging
import shutil
import tempfile
import zipfile
from base64 import b64encode
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from fuzz.target import Target, hold, seed, unless
from pi_auto.server.api.bodies import unpack
from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.formats import CSV_COLUMNS, cell
from pi_auto.server.api.parameters import Parameters
from pi_auto.server.app import create_app
from pi_auto.server.calls.outcomes import of_answer
from pi_auto.server.legacy.messages import BarcodeScan, Hello, Progress, Telemetry
from pi_auto.server.links.arrivals import Delivery, event_of
from pi_auto.server.links.base import MethodAnswer
from pi_auto.server.links.events import book_event
from pi_auto.server.releases.archives import read_archive, with_root
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.rollouts.windows import parse_window
from pi_auto.wire.errors import FieldError
from pi_auto.wire.hublink import EVENT_TYPES, Event
from pi_auto.wire.scan import Scan
from support.api import NOW, Api, Registry, open_api
from support.records import incident, scan

MARK = "<fuzz>"


class Server:
    """Real books with a device in them, the API and the pages before them."""

    def __init__(self) -> None:
        logging.getLogger("pi_auto").setLevel(logging.CRITICAL)
        self.stack = ExitStack()
        atexit.register(self.stack.close)
        folder = Path(tempfile.mkdtemp(prefix="fuzz-server-"))
        self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self.api: Api = self.stack.enter_context(open_api(folder, Registry()))
        self.device = self.api.device()
        self.pages: FlaskClient = create_app(self.api.context.settings, self.api.context).test_client()
        self.number = 0

    def send(self, text: str) -> None:
        """Book one more scan of a text."""
        self.number += 1
        self.device.send(scan(text, number=self.number, raw=b"x"))


@cache
def server() -> Server:
    """The one of this process."""
    return Server()


def _check(answer: Any, *shown: object) -> None:
    hold(answer.status_code < 500, "not answered as it should be", answer.status_code, answer.text[:300], *shown)
    if answer.mimetype == "application/json":
        json.loads(answer.data, parse_constant=lambda word: hold(False, "no JSON", word))
        answer.data.decode()


POSTED = (
    "/api/register_device", "/api/register_device/nonce", "/api/renew_token", "/api/fleet_proof", "/api/scans",
    "/api/ota/update_status", "/api/diagnostics/0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11",
)  # fmt: skip


def bodies(octets: bytes) -> None:
    """Any body at any door: refused by what is wrong with it, or taken; what was taken can be listed."""
    if not octets:
        return
    what, body = octets[0], octets[1:]
    headers = {"Content-Type": "application/json"}
    if what & 0x40:
        headers["Authorization"] = f"Bearer {server().device.token}"
    if what & 0x80:
        body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
    if what & 0x20:
        headers["Content-Encoding"] = "gzip"
    path = POSTED[(what & 0x1F) % len(POSTED)]
    answer = server().pages.post(path, data=body, headers=headers)
    _check(answer, path, body)
    if answer.status_code == 200:
        _check(server().pages.get("/api/pi_devices?limit=50"))
        _check(server().pages.get("/api/scans?limit=3"))
        hold(server().pages.get("/").status_code == 200, "the page fails")


GOT = (
    "/api/scans?", "/api/pi_devices?", "/api/pi_device/", "/api/ota/check_update?", "/api/ota/download_update?",
    "/api/ota/metadata/", "/?", "/assets/", "/calibration-sheet.", "/api/health?", "/api/fleet_card?", "/",
)  # fmt: skip


def queries(octets: bytes) -> None:
    """Any path and any query."""
    if not octets:
        return
    rest = quote(octets[1:], safe="=&?;+,:/%.-_~")
    path = GOT[octets[0] % len(GOT)] + rest
    if octets[0] & 0x80:
        path = GOT[octets[0] % len(GOT)] + "since=2026-01-01T00:00:00Z&format=csv&text=" + rest
    if path.startswith(("//", "/live")):
        return
    headers = {"Authorization": f"Bearer {server().device.token}"}
    answer = server().pages.get(path, headers=headers)
    _check(answer, path)
    if answer.mimetype == "text/html":
        hold(MARK.encode() not in answer.data, "markup out of a query", path)


def parameters(octets: bytes) -> None:
    """Query parameters, by themselves."""
    name, _, value = octets.decode("utf-8", "surrogateescape").partition("=")
    read = unless(FieldError)(lambda: Parameters(MultiDict({name: value}), ("since", "limit", "text", "order")))
    if read:
        for what in (lambda: read.time("since"), lambda: read.text("text", most=50)):
            unless(FieldError)(what)
        number = unless(FieldError)(read.integer, "limit", most=100)
        hold(number is None or 1 <= number <= 100, "a number beyond", number)


def cells(octets: bytes) -> None:
    """A cell of CSV runs nothing in a spreadsheet, and holds no line of its own."""
    text = octets.decode("utf-8", "replace")
    written = cell(text)
    hold(
        not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")),
        "a formula",
        written,
    )
    hold("\n" not in written and "\r" not in written and "\0" not in written, "a line of its own", written)
    held = io.StringIO()
    csv.writer(held, lineterminator="\r\n").writerow([written, "x"])
    hold(next(csv.reader([held.getvalue()])) == [written, "x"], "written and read it is another", text)
    for part in held.getvalue().split(";")[1:]:  # as half of Europe's spreadsheets part it
        hold(
            not part.lstrip('" \t\xa0\u3000').startswith(("=", "+", "@", "\uff1d")),
            "a formula behind a semicolon",
            written,
        )


def exported(octets: bytes) -> None:
    """Scans of any text come back by JSON as they were, and on pages and in CSV as text."""
    text = octets.decode("utf-8", "ignore")
    sent = (
        unless(FieldError)(lambda: Scan.from_json(scan(text, number=1).to_json()))
        if len(text.encode()) < 8000
        else None
    )
    if not sent:
        return
    server().send(text)
    listed = server().pages.get("/api/scans?limit=1").get_json()["scans"][0]
    hold(listed["text"] == text.replace("\0", "\u2400"), "another text", text, listed)
    page = server().pages.get("/").data
    hold(MARK.encode() not in page, "markup out of a scan", text)
    rows = list(csv.reader(io.StringIO(server().pages.get("/api/scans?limit=2&format=csv").text)))
    hold(all(len(row) == len(CSV_COLUMNS) for row in rows) and len(rows) <= 3, "a row of other columns", rows)
    if text:
        found = server().pages.get("/api/scans", query_string={"text": text[:50], "limit": "1"})
        _check(found, text)
        hold(found.status_code != 200 or found.get_json()["count"] == 1, "what was booked is not found", text)


def events(octets: bytes) -> None:
    """What a device tells by the hub is booked or noted, and then fleet and pages are listed as before."""
    if not octets:
        return
    kind = EVENT_TYPES[octets[0] % len(EVENT_TYPES)]
    body: Any = b64encode(octets[1:]).decode()
    if kind != EVENT_TYPES[0]:
        try:
            body = json.loads(octets[1:])
        except (ValueError, RecursionError):
            return
    event = Event(7, kind, "pi-1a2b3c4d", NOW.isoformat(), {}, {}, body)
    server().api.context.writer.submit(lambda books: book_event(books, event, NOW)).result()
    for path in ("/api/pi_devices", "/api/pi_device/pi-1a2b3c4d", "/"):
        answer = server().pages.get(path)
        _check(answer, path, event)
        hold(answer.status_code == 200, "the fleet cannot be listed", path, event)
        hold(MARK.encode() not in answer.data or answer.mimetype == "application/json", "markup", event)
    delivery = Delivery(
        1,
        "1",
        "2026",
        {
            b"iothub-connection-device-id": b"a",
            b"iothub-message-source": (b"Telemetry", b"twinChangeEvents", b"deviceConnectionStateEvents", b"x")[
                octets[0] % 4
            ],
        },
        {b"opType": octets[1:20]},
        octets[1:],
    )
    unless(FieldError)(event_of, delivery)


def old(octets: bytes) -> None:
    """What old clients send, what a device answers to a method, and when devices may be updated."""
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):
        return
    for kind in (Hello, BarcodeScan, Telemetry, Progress):
        unless(FieldError)(kind.from_json, value)
    said = of_answer(MethodAnswer(200, value)).said + of_answer(MethodAnswer(500, value)).said
    hold(len(said) < 2000 and said.isprintable(), "unbounded, or driving a terminal", said)
    if isinstance(value, list) and len(value) == 4 and all(isinstance(each, str) for each in value):
        window = unless(FieldError)(parse_window, *value)
        if window:
            at = window.at("Europe/Berlin")
            begin, end = at.opening(NOW)
            hold(end > NOW and end > begin, "a window that has closed", window)
            str(window)


def archives(octets: bytes) -> None:
    """An archive that an operator publishes, and gzip of a body."""
    read = unless(ReleaseError)(read_archive, octets, "it")
    if read:
        again = unless(ReleaseError)(with_root, read, b"{}")
        hold(again is None or again.version == read.version, "another version")
    unless(ApiError)(unpack, octets, "gzip")


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, text in (("appliance/version", "1.0"), ("appliance/built", "17")):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            opened.writestr(info, text)
    return packed.getvalue()


def _hello() -> dict[str, Any]:
    return {
        "device_id": "pi-2",
        "device_type": "raspberry_pi",
        "timestamp": "2026-11-23T12:00:00.000Z",
        "system_info": {"hostname": "h<fuzz>", "a": [1]},
        "auto_registered": True,
        "client_version": "1.0",
    }


def _batch() -> dict[str, Any]:
    one, two = scan("a<fuzz>", number=1), incident(number=2)
    return {
        "device_id": "pi-1a2b3c4d",
        "spool": one.position.spool,
        "first": 1,
        "through": 2,
        "oldest": 1,
        "scans": [one.to_json()],
        "incidents": [two.to_json()],
    }


_REPORT = {
    "properties": {
        "reported": {
            "status": "online",
            "client_version": "1",
            "device_info": {"hostname": "h<fuzz>"},
            "boot": "0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11",
            "health": {"queue": {"waiting": 3}},
            "heartbeat_interval": 30,
            "settings": {},
        }
    }
}
TARGETS = (
    Target(
        "server.bodies",
        bodies,
        (
            b"\0" + seed(_hello()),
            b"\x44" + seed(_batch()),
            b"\xc4" + seed(_batch()),
            b"\x45"
            + seed(
                {
                    "device_id": "pi-1a2b3c4d",
                    "version": "1",
                    "status": "success",
                    "timestamp": "2026-11-23T12:00:00Z",
                    "step": "committed",
                    "update_id": "0" * 64,
                }
            ),
            b"\3" + seed({"nonce": "a" * 32}),
        ),
        1600,
        (b"<fuzz>",),
    ),
    Target(
        "server.queries",
        queries,
        (
            b"\0since=2026-11-23T12:00:00Z&limit=3&text=a&order=oldest&format=ndjson",
            b"\1limit=2&after=pi",
            b"\2pi-1a2b3c4d",
            b"\3device_id=pi-1a2b3c4d&version=1.0",
            b"\4update_id=" + b"0" * 64,
            b"\5timestamp.json",
            b"\6text=<fuzz>&device=pi",
            b"\x80<fuzz>",
        ),
        160,
        (b"<fuzz>", b"since=", b"format=", b"device=", b"limit=", b"0001-01-01T00:00:00Z"),
    ),
    Target("server.parameters", parameters, (b"since=2026-01-01T00:00:00Z", b"limit=12", b"text=abc"), 60),
    Target(
        "server.cells",
        cells,
        (b"=1+1", b"a; =cmd|' /C calc'!A0", b'"x";"@a"', b"-5"),
        40,
        (b";", "\uff1d".encode(), b'"', "\xa0".encode(), "\u3000".encode(), b"+", b"@"),
    ),
    Target(
        "server.exported",
        exported,
        (b"4006381333931", b"<fuzz>", b"a%_b\\", b"=1;@2"),
        120,
        (b"<fuzz>", b"%", b"_", b"\\", b"\0"),
    ),
    Target(
        "server.events",
        events,
        (b"\1" + seed(_REPORT), b"\0" + seed(scan("a", number=3).to_json()), b"\2{}", b"\3{}"),
        900,
        (b"<fuzz>", b"device_info", b"health", b"hostname"),
    ),
    Target(
        "server.old",
        old,
        (
            seed({"device_id": "a", "system_info": {"a": 1}, "client_version": ""}),
            seed({"deviceId": "a", "scannedBarcode": "b", "quantity": 2}),
            seed({"barcode": "b", "timestamp": "2026-11-23T12:00:00.000000"}),
            seed(["mon-fri", "22:00", "05:00", "Europe/Rome"]),
            seed(["sat,sun", "02:00", "02:00", "device"]),
        ),
        200,
    ),
    Target(
        "server.archives",
        archives,
        (_zip(), b"#!/usr/bin/env python3\n" + _zip(), gzip.compress(b"{}")),
        700,
        (b"PK\3\4", b"PK\1\2", b"PK\5\6", b"appliance/version", b"../"),
    ),
)
