from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from pi_auto.server import pi_api
from pi_auto.server.context import EXTENSION, LazyContext

ROOT = Path(__file__).parents[2]

# What somebody does who has read the guide, and a device's two calls, in a process of its own.
THREE_LINES = """
import json, sys
sys.path.insert(0, {support!r})
from flask import Flask
from {module} import pi_api
app = Flask("shop"); app.register_blueprint(pi_api)

from support.api import registration
from support.records import SPOOL, scan
client = app.test_client()
token = client.post("/api/register_device", json=registration(claim="a" * 64)).get_json()["api_token"]
taken = scan("4006381333931", number=1).to_json()
batch = dict(device_id="pi-1a2b3c4d", spool=SPOOL, first=1, through=1, scans=[taken])
answer = client.post("/api/scans", json=batch, headers=dict(Authorization="Bearer " + token))
print(answer.status_code, client.get("/api/scans").get_json()["scans"][0]["text"])
"""


@pytest.mark.parametrize("module", ["pi_auto.server", "src.api.pi_registration_api"])
def test_three_lines_of_flask_register_a_device_and_book_a_scan(tmp_path: Path, module: str) -> None:
    code = THREE_LINES.format(support=str(ROOT / "tests"), module=module)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT, env=os.environ | {"PI_AUTO_DATA": str(tmp_path / "data")},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout.split()) == (0, ["200", "4006381333931"]), ended.stderr
    assert (tmp_path / "data" / "books.sqlite").exists()


def test_registering_the_blueprint_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI_AUTO_DATA", str(tmp_path / "data"))
    Flask("shop").register_blueprint(pi_api)
    assert not (tmp_path / "data").exists()


def test_the_rest_of_the_app_keeps_its_own_error_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI_AUTO_DATA", str(tmp_path / "data"))
    app = Flask("shop")
    app.register_blueprint(pi_api)
    client = app.test_client()
    assert client.get("/nothing").mimetype == "text/html"
    assert client.get("/api/nothing").mimetype == "application/json"


def test_an_app_with_a_404_page_of_its_own_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI_AUTO_DATA", str(tmp_path / "data"))
    app = Flask("shop")
    app.register_error_handler(404, lambda _: ("our own page", 404))
    app.register_blueprint(pi_api)
    assert app.test_client().get("/nothing").text == "our own page"
    assert app.test_client().get("/api/nothing").text == "our own page"


def test_under_a_prefix_the_api_answers_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI_AUTO_DATA", str(tmp_path / "data"))
    app = Flask("shop")
    app.register_blueprint(pi_api, url_prefix="/scanners")
    client = app.test_client()
    try:
        assert client.get("/scanners/api/health").status_code == 200
        assert client.get("/scanners/api/nothing").mimetype == "application/json"
    finally:
        close(app)


def test_books_that_cannot_be_opened_are_a_503_that_keeps_the_path_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "books.sqlite").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("PI_AUTO_DATA", str(tmp_path / "data"))
    app = Flask("shop")
    app.register_blueprint(pi_api)
    answer = app.test_client().get("/api/health")
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
    assert str(tmp_path) in caplog.text


def close(app: Flask) -> None:
    held = app.extensions[EXTENSION]
    assert isinstance(held, LazyContext)
    held.close()
