"""A copied card before the real server and its hub: noticed, without commands until an operator settles it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.administrator import DEVICE, SERIAL, Card, run, say
from support.device_keys import DeviceKey
from support.server import RunningServer, running_server
from support.waiting import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    options = ("--hub-mqtt", "127.0.0.1:0")
    with running_server(tmp_path_factory.mktemp("clone"), *options) as running:
        yield running


def is_enabled(server: RunningServer) -> bool:
    """As the hub's own books say."""
    (file,) = (path for path in (server.data / "hub").glob("*.sqlite") if "devices" in tables_of(path))
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as books:
        return bool(books.execute("SELECT enabled FROM devices WHERE device_id = ?", (DEVICE,)).fetchone()[0])


def tables_of(file: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as books:
        return {name for (name,) in books.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def has_been_told(server: RunningServer) -> bool:
    return say(server.data, "enrolment", "hub") == "the hub was told everything"


def test_a_copied_card_is_noticed_and_gets_no_commands_until_it_is_settled(
    server: RunningServer, tmp_path: Path
) -> None:
    fleet_id = json.loads(say(server.data, "fleet", "card"))["fleet_id"]
    card = Card(server, DeviceKey(tmp_path), fleet_id)
    assert card.enrol() == 202
    assert SERIAL in say(server.data, "enrolment", "pending")
    say(server.data, "enrolment", "approve", SERIAL, card.key.public.fingerprint[:8])
    assert card.enrol() == 200
    copied = Card(server, card.key, fleet_id, card.token)
    assert copied.renew() == 200

    def noticed() -> bool:
        assert card.renew() == 200
        return DEVICE in say(server.data, "enrolment", "clones")

    wait_until(noticed, 30, "the copy is noticed")  # what was asked within five seconds is no sign
    wait_until(lambda: has_been_told(server), 20, "the hub is told")
    assert not is_enabled(server)
    refused = run(server.data, "device", "identify", DEVICE)
    assert refused.returncode == 1
    assert "two devices speak with the key" in refused.stderr
    assert "two devices speak" in run(server.data, "scanner", DEVICE, "usb-1", "--layout", "fr").stderr
    assert say(server.data, "enrolment", "settle", DEVICE) == "done"
    assert say(server.data, "enrolment", "clones") == "no key is had by two devices"
    assert say(server.data, "enrolment", "hub") == "the hub was told everything"
    assert is_enabled(server)
    assert "two devices" not in run(server.data, "device", "identify", DEVICE, "--timeout", "1").stderr
    told = [line for line in say(server.data, "audit").splitlines() if DEVICE in line]
    words = ("waits", "approve", "enrolled", "clone", "settle", "identify")
    assert [next(word for word in words if word in line) for line in told] == list(words)
    as_json = say(server.data, "audit", "--json", "--device", DEVICE).splitlines()
    assert [json.loads(line)["kind"] for line in as_json] == ["decision"] * 5 + ["call"]
