"""The shortcut of POST /api/scans against its oracle, the ordinary view."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, Response

from pi_auto.server import pi_api
from pi_auto.server.context import EXTENSION
from pi_auto.wire.batch import MOST_BODY
from support.api import DEVICE, Api, open_api
from support.records import SPOOL, incident, scan


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Api]:
    """An app that takes the shortcut."""
    with open_api(tmp_path / "plain") as opened:
        yield opened


@pytest.fixture
def ordinary(tmp_path: Path) -> Iterator[Api]:
    """An app with a hook, which the ordinary view serves."""
    with open_api(tmp_path / "ordinary") as opened:
        opened.client.application.after_request(stamped)
        yield opened


def stamped(response: Response) -> Response:
    response.headers["X-Stamped"] = "yes"
    return response


def batch(*records: dict[str, Any], **changes: Any) -> bytes:
    frame = {"device_id": DEVICE, "spool": SPOOL, "first": 1, "through": 9, "oldest": 1, "scans": records}
    return json.dumps(frame | changes).encode()


GOOD = batch(scan("A", number=1, uuid=SPOOL).to_json())
OTHER = batch(scan("B", number=1, uuid=SPOOL).to_json())
MIXED = batch(scan("A", number=1, uuid=SPOOL).to_json(), {"uuid": 7}, incidents=[incident(number=3).to_json()])
GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("bodies", "headers"),
    [
        ([GOOD], {}),
        ([GOOD, GOOD], {}),
        ([GOOD, OTHER], {}),
        ([MIXED], {}),
        ([gzip.compress(GOOD, mtime=0)], GZIP),
        ([batch(first=8)], {}),
        ([batch(device_id="pi-00000000")], {}),
        ([batch(first=0)], {}),
        ([b""], {}),
        ([b"{"], {}),
        ([b"[" * 100_000], {}),
        ([b"x" * (1024 * 1024 + 1)], {}),
        ([gzip.compress(b"0" * (MOST_BODY + 1), mtime=0)], GZIP),
        ([GOOD], GZIP),
        ([GOOD], {"Content-Encoding": "br"}),
        ([GOOD], {"Authorization": ""}),
        ([GOOD], {"Authorization": "Bearer " + "x" * 43}),
        ([GOOD], {"Authorization": "Basic abc"}),
    ],
)
def test_both_ways_answer_alike(plain: Api, ordinary: Api, bodies: list[bytes], headers: dict[str, str]) -> None:
    devices = plain.device(), ordinary.device()
    for body in bodies:
        short, long = (device.post_raw(body, **headers) for device in devices)
        assert long.headers.pop("X-Stamped") == "yes", "the ordinary view has answered"
        assert "X-Stamped" not in short.headers
        assert (short.status, short.data) == (long.status, long.data)
        assert dict(short.headers) == dict(long.headers)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/scans"), ("DELETE", "/api/scans"), ("POST", "/api/scans/"), ("POST", "/api")],
)
def test_whatever_is_not_that_one_request_is_flasks(plain: Api, ordinary: Api, method: str, path: str) -> None:
    short, long = (api.client.open(path, method=method) for api in (plain, ordinary))
    assert (short.status, short.data) == (long.status, long.data)


def test_with_the_writer_dead_both_ways_say_later(plain: Api, ordinary: Api) -> None:
    devices = plain.device(), ordinary.device()
    for api in (plain, ordinary):
        api.context.writer.close()
    short, long = (device.post_raw(GOOD) for device in devices)
    assert short.status_code == 503
    assert (short.data, short.headers["Retry-After"]) == (long.data, long.headers["Retry-After"])


def test_a_guard_before_the_requests_of_an_app_is_never_passed_by(plain: Api) -> None:
    plain.client.application.before_request(lambda: ("no entry", 418))
    assert plain.client.post("/api/scans", data=GOOD).status_code == 418


def test_middleware_that_was_there_first_is_never_passed_by(plain: Api) -> None:
    app = Flask("guarded")
    app.extensions[EXTENSION] = plain.context

    def closed(_: Any, start_response: Any) -> list[bytes]:
        start_response("418 no entry", [])
        return [b""]

    app.wsgi_app = closed  # type: ignore[assignment, method-assign] # the way Flask documents for middleware
    app.register_blueprint(pi_api)
    assert app.test_client().post("/api/scans").status_code == 418


def test_a_guard_of_an_outer_blueprint_is_never_passed_by(plain: Api) -> None:
    outer = Blueprint("outer", __name__)
    outer.before_request(lambda: ("no entry", 418))
    outer.register_blueprint(pi_api)
    app = Flask("nested")
    app.extensions[EXTENSION] = plain.context
    app.register_blueprint(outer)
    assert app.test_client().post("/api/scans", data=GOOD).status_code == 418


def test_the_shortcut_follows_the_prefix(plain: Api) -> None:
    device = plain.device()
    app = Flask("prefixed")
    app.extensions[EXTENSION] = plain.context
    app.register_blueprint(pi_api, url_prefix="/scanners")
    fields = {"Authorization": f"Bearer {device.token}"}
    assert app.test_client().post("/scanners/api/scans", data=GOOD, headers=fields).status_code == 200
    assert app.test_client().post("/api/scans", data=GOOD, headers=fields).status_code == 404
