from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.agent.enrolment.identity import identity_of
from pi_auto.client.agent.enrolment.registration import store_registration
from pi_auto.client.settings import Settings
from pi_auto.client.spool.marks import API, HUB, Marks
from pi_auto.client.status import screen, status_of
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.registration import RegistrationAnswer
from support.stored import StoredScans

KEY = "c2VjcmV0IGtleSBvZiB0aGlzIGRldmljZSBhbG9uZQ=="
TOKEN = "t" * 32
URL = "http://127.0.0.1:5000"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path / "state", server_url=URL)


@pytest.fixture
def device(settings: Settings) -> Iterator[StoredScans]:
    """A registered device with three scans, one of which the API has and one of which it refused."""
    settings.agent_folder.mkdir(parents=True)
    identity_of(settings.agent_folder, "pi-1a2b3c4d")
    credentials = str(ConnectionString("hub.test", "pi-1a2b3c4d", KEY))
    given = RegistrationAnswer(
        "pi-1a2b3c4d", datetime(2026, 11, 23, tzinfo=UTC), credentials, URL, api_token=TOKEN
    )
    store_registration(settings.agent_folder, URL, given)
    stored = StoredScans(settings.state)
    _, bad, _ = stored.scan("one", "\x1b[2Jbad", "\x1b[2Jthree\nforged: line")
    stored.incident()
    marks = Marks(settings.agent_folder / "marks.sqlite")
    marks.set_aside(API, bad.position, bad.uuid, "{}", "text is \x1b[2J; allowed: better")
    marks.advance(API, bad.position)
    yield stored
    marks.close()
    stored.close()


@pytest.mark.usefixtures("device")
def test_it_tells_who_the_device_is_and_how_far_its_scans_have_come(settings: Settings) -> None:
    status = status_of(settings)
    assert (status["device_id"], status["server"], status["hub"]) == ("pi-1a2b3c4d", URL, "hub.test")
    assert status["registered"] == "2026-11-23T00:00:00.000Z"
    assert status["queue"] == {API: 2, HUB: 4}
    assert status["undelivered"] == 4
    assert status["newest_scan"]["number"] == 3
    assert [(one["destination"], one["number"]) for one in status["set_aside"]] == [(API, 2)]
    assert status["troubles"] == []


@pytest.mark.usefixtures("device")
def test_the_screen_fits_and_no_barcode_can_drive_the_terminal(settings: Settings) -> None:
    shown = screen(status_of(settings))
    assert "\x1b" not in shown
    assert "forged: line" in shown
    assert len(shown.splitlines()) == 9
    for words in ("pi-1a2b3c4d", "2 waiting", "4 waiting", "allowed: better"):
        assert words in shown


@pytest.mark.usefixtures("device")
def test_no_secret_is_shown(settings: Settings) -> None:
    claim = json.loads((settings.agent_folder / "identity.json").read_text())["claim"]
    shown = screen(status_of(settings)) + json.dumps(status_of(settings))
    assert not [secret for secret in (KEY, TOKEN, claim) if secret in shown]


@pytest.mark.usefixtures("device")
def test_marks_that_cannot_be_read_are_said_so_and_nothing_is_guessed(settings: Settings) -> None:
    for file in settings.agent_folder.glob("marks.sqlite*"):
        file.unlink()
    (settings.agent_folder / "marks.sqlite").write_bytes(b"garbage" * 1000)
    status = status_of(settings)
    assert status["queue"] == {API: None, HUB: None}
    assert "marks.sqlite cannot be read: file is not a database" in status["troubles"][0]


def test_without_an_agent_so_far_everything_waits(settings: Settings) -> None:
    stored = StoredScans(settings.state)
    stored.scan("one", "two")
    stored.close()
    assert status_of(settings)["queue"] == {API: 2, HUB: 2}
    assert not settings.agent_folder.exists()


def test_of_very_many_records_set_aside_the_newest_are_told_and_all_are_counted(settings: Settings) -> None:
    stored = StoredScans(settings.state)
    (record,) = stored.scan("one")
    stored.close()
    settings.agent_folder.mkdir(parents=True)
    with closing(Marks(settings.agent_folder / "marks.sqlite")) as marks:
        for number in range(1, 1203):
            position = replace(record.position, number=number)
            marks.set_aside(API, position, record.uuid, "{}", "reason")
    status = status_of(settings)
    assert [one["number"] for one in status["set_aside"]] == list(range(203, 1203))
    assert status["set_aside_count"] == 1202
    assert len(screen(status).splitlines()) == 18


def test_a_device_that_never_ran_is_told_as_such_and_nothing_is_made(settings: Settings) -> None:
    status = status_of(settings)
    assert (status["device_id"], status["registered"], status["newest_scan"]) == (None, None, None)
    assert status["queue"] == {API: None, HUB: None}
    assert "spool.sqlite is not there: capture has not run yet" in status["troubles"][0]
    assert not settings.state.exists()


def test_the_command_prints_one_object_for_programs(settings: Settings, device: StoredScans) -> None:
    device.scan("four")
    command = [
        sys.executable,
        "-m",
        "pi_auto.client.cli",
        "status",
        "--json",
        "--state",
        str(settings.state),
        "--server",
        URL,
    ]
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert told["newest_scan"]["text"] == "four"
    assert told["queue"] == {API: 3, HUB: 5}
