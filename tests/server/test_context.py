"""The context of somebody else's Flask app: one a process, whoever asks and however that process came to be."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from pi_auto.server import pi_api
from pi_auto.server.context import LazyContext
from pi_auto.server.links.base import HubFailed
from pi_auto.server.settings import Address, Settings
from pi_auto.server.store.engine import BOOKS, StoreError, open_store
from support.api import registration


@pytest.fixture
def lazy(tmp_path: Path) -> Iterator[LazyContext]:
    held = LazyContext(Settings(data=tmp_path / "data"))
    yield held
    held.close()


def test_two_apps_of_one_process_share_the_books(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lazy: LazyContext
) -> None:
    monkeypatch.setenv("PI_AUTO_DATA", str(tmp_path / "data"))
    one, other = Flask("one"), Flask("other")
    for app in (one, other):
        app.register_blueprint(pi_api)
    assert one.test_client().post("/api/register_device", json=registration()).status_code == 200
    listed = other.test_client().get("/api/pi_devices").get_json()
    assert listed["total_count"] == 1
    assert lazy.get() is not None


def test_once_closed_it_opens_again(lazy: LazyContext) -> None:
    first = lazy.get()
    lazy.close()
    lazy.close()
    assert lazy.get() is not first


def test_a_refusal_is_repeated_at_once_instead_of_waited_for(lazy: LazyContext, tmp_path: Path) -> None:
    store = open_store(tmp_path / "data")
    with pytest.raises(StoreError, match="in use by another server"):
        lazy.get()
    began = time.monotonic()
    with pytest.raises(StoreError, match="in use by another server"):
        lazy.get()
    assert time.monotonic() - began < 0.5
    store.close()


def test_a_forked_worker_is_refused_and_leaves_what_its_parent_has(lazy: LazyContext) -> None:
    """As under a server that loads the app, answers once, and forks."""
    context = lazy.get()
    code = """
import os, sys
from pi_auto.server.context import LazyContext
from pi_auto.server.settings import Settings
from pathlib import Path
held = LazyContext(Settings(data=Path(sys.argv[1])))
context = held.get()
if os.fork() == 0:
    try:
        held.get()
    except Exception as error:
        print(error, flush=True)
    held.close()
    sys.exit(0)
assert os.wait()[1] == 0
print(context.writer.alive(), context.writer.submit(lambda books: 7).result(5))
"""
    folder = context.settings.data.parent / "forked"
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(folder)],
        check=True, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    refusal, parent = ended.stdout.splitlines()
    assert refusal.startswith(f"the data folder {folder} is in use by another server")
    assert parent == "True 7"


def test_of_two_worker_processes_the_second_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    code = (
        "import sys; from pathlib import Path; from pi_auto.server.context import open_context;"
        "from pi_auto.server.settings import Settings;"
        "c = open_context(Settings(data=Path(sys.argv[1]))); print('open', flush=True); sys.stdin.read();"
        "c.close()"
    )
    monkeypatch.setenv("PI_AUTO_DATA", str(tmp_path / "data"))
    app = Flask("shop")
    app.register_blueprint(pi_api)
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        answer = app.test_client().get("/api/health")
        first.communicate()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "one process alone may hold it" in caplog.text


def test_a_relative_data_folder_is_taken_from_where_the_app_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for named, folder in (("here", "here"), (None, "pi-auto-data")):
        settings = Settings.from_environment({"PI_AUTO_DATA": named} if named else {})
        held = LazyContext(settings)
        monkeypatch.chdir("/")
        held.get()
        held.close()
        assert (tmp_path / folder / BOOKS).exists()
        monkeypatch.chdir(tmp_path)


def test_a_data_folder_that_nobody_can_write_is_a_503(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PI_AUTO_DATA", "/sys/pi-auto")
    app = Flask("shop")
    app.register_blueprint(pi_api)
    assert app.test_client().get("/api/pi_devices").status_code == 503
    assert "the data folder /sys/pi-auto cannot be used" in caplog.text


def test_a_hub_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("")
    held = LazyContext(Settings(data=tmp_path, hub_mqtt=Address("127.0.0.1", 0)))
    with pytest.raises(HubFailed, match=f"the hub's folder {tmp_path}/hub cannot be used"):
        held.get()
    open_store(tmp_path, patience=0).close()  # the books were let go of


def test_damage_that_shows_only_when_the_books_are_read_is_named_and_left(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    books = tmp_path / BOOKS
    whole = books.read_bytes()
    damaged = whole[:8192] + b"\xff" * (len(whole) - 8192)  # the schema is left, the tables are not
    books.write_bytes(damaged)
    held = LazyContext(Settings(data=tmp_path))
    with pytest.raises(StoreError, match=r"is damaged .*; restore it from a backup"):
        held.get()
    assert books.read_bytes() == damaged
