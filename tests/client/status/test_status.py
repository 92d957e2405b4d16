from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.agent.enrolment.identity import identity_of
from pi_auto.client.agent.enrolment.registration import store_registration
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.cli import main
from pi_auto.client.last_good import load_and_keep
from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import API, HUB
from pi_auto.client.spool.marks import Marks
from pi_auto.client.status.facts import status_of
from pi_auto.client.status.revealing import secrets_of
from pi_auto.client.status.screen import screen
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.registration import RegistrationAnswer
from support.fleet_home import FleetHome
from support.records import SCANNER
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
    shown = screen(status_of(settings), settings)
    assert "\x1b" not in shown
    assert "forged: line" in shown
    assert len(shown.splitlines()) == 12
    for words in ("pi-1a2b3c4d", "2 waiting", "4 waiting", "allowed: better"):
        assert words in shown


def post(settings: Settings) -> None:
    """What the services of a device that works tell, as the test's own process."""
    agent, capture = Bulletin(settings.agent_folder), Bulletin(settings.capture_folder)
    agent.post("server", {"ok": True, "said": "it answered"})
    agent.post("hub", {"ok": False, "said": "no IoT Hub at hub.test", "host": "hub.test"})
    agent.post(
        "update", {"ok": True, "said": "no update: 0.1.0", "version": None, "at": "2026-11-23T11:00:00.000Z"}
    )
    capture.post("scanners", [SCANNER.to_json() | {"path": "/dev/input/event3", "standing": "scanner"}])
    capture.post("troubles", {"/dev/input/event4": "cannot be opened: Permission denied"})
    capture.post("storing", {"ok": True, "said": "every scan is stored"})


@pytest.mark.usefixtures("device")
def test_what_the_services_tell_is_told(settings: Settings) -> None:
    post(settings)
    status = status_of(settings)
    assert (status["agent_runs"], status["capture_runs"], status["services"]) == (True, True, None)
    assert (status["server_link"]["ok"], status["hub_link"]["ok"], status["storing"]["ok"]) == (True, False, True)
    assert status["hub_link"]["since"] > "2026"
    assert status["update"]["said"] == "no update: 0.1.0"
    assert [(one["name"], one["standing"]) for one in status["scanners"]] == [("Newland HR32", "scanner")]
    assert status["scanner_troubles"] == {"/dev/input/event4": "cannot be opened: Permission denied"}
    assert set(status["clock"]) == {"now", "synced", "trust", "signed"}
    assert status["hostname"]


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize(
    "line",
    [
        r"device: +pi-1a2b3c4d \(host \S+, version \S+\)",
        r"server: +http://127\.0\.0\.1:5000: well since 2\d\d\d-[0-9-]+ [0-9:]+ UTC: it answered",
        r"registered: +since 2026-11-23 00:00:00 UTC",
        r"IoT Hub: +hub\.test: in trouble since .* UTC: no IoT Hub at hub\.test",
        r"scanners: +Newland HR32 at usb-1/input0 \(/dev/input/event3\): a scanner",
        r" +/dev/input/event4 cannot be opened: Permission denied; unplug it and .*",
        r"queue to api: 2 waiting",
        r"last scan: +'.*' at 2026-11-23 .* UTC",
        r"last update: +no update: 0\.1\.0; asked at 2026-11-23 11:00:00 UTC",
        r"clock: +2.* UTC, (not )?set by the network.*",
    ],
)
def test_the_screen_has_a_line_for_each_question(settings: Settings, line: str) -> None:
    post(settings)
    assert [shown for shown in screen(status_of(settings), settings).splitlines() if re.fullmatch(line, shown)]


@pytest.mark.usefixtures("device")
def test_a_device_that_cannot_store_says_so_and_one_that_can_does_not(settings: Settings) -> None:
    assert "storing" not in screen(status_of(settings), settings)
    Bulletin(settings.capture_folder).post("storing", {"ok": False, "said": "nothing can be stored: disk full"})
    shown = screen(status_of(settings), settings)
    assert re.search(r"^storing: +in trouble since .* UTC: nothing can be stored: disk full$", shown, re.MULTILINE)


@pytest.mark.usefixtures("device")
def test_services_that_do_not_run_are_told_with_what_starts_them(settings: Settings) -> None:
    status = status_of(settings)
    assert (status["agent_runs"], status["server_link"], status["scanners"], status["update"]) == (
        False, None, None, None,
    )  # fmt: skip
    shown = screen(status, settings)
    assert f"pi-auto-client does not run; start it: pi-auto-client agent --state {settings.state}" in shown
    assert f"pi-auto-capture does not run; start it: pi-auto-client capture --state {settings.state}" in shown


@pytest.mark.usefixtures("device")
def test_a_device_without_a_server_says_how_to_name_one(settings: Settings) -> None:
    alone = replace(settings, server_url="")
    assert status_of(alone)["server"] is None
    assert (
        "server:       not set; scan a code of the fleet's page, or name it by: sudo pi-auto-client configure"
        in screen(status_of(alone), alone)
    )


@pytest.mark.usefixtures("device")
def test_where_logs_have_no_barcodes_the_status_has_none_either(settings: Settings) -> None:
    silent = replace(settings, log_barcodes=False)
    status = status_of(silent)
    assert (status["newest_scan"]["text"], status["newest_scan"]["number"]) == (None, 3)
    assert status["set_aside"][0]["body"] is None
    assert "(not shown: log_barcodes is off) at" in screen(status, silent)
    assert "three" not in json.dumps(status)


@pytest.mark.usefixtures("device")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_who_may_not_look_is_told_so_and_nothing_is_guessed(settings: Settings) -> None:
    post(settings)
    with as_nobody(settings.state):
        status = status_of(settings)
        shown = screen(status, settings)
    assert (status["agent_runs"], status["capture_runs"]) == (None, None)
    assert "start it" not in shown
    assert shown.splitlines()[-1].strip() == "sudo shows what this user may not see"


@contextmanager
def as_nobody(state: Path) -> Iterator[None]:
    """Be a user who can enter `state` and none of its folders."""
    closed = {folder: folder.stat().st_mode for folder in (state, *state.parents)}
    closed = {folder: mode for folder, mode in closed.items() if not mode & 0o001}
    for folder, mode in closed.items():
        folder.chmod(mode | 0o001)
    for folder in state.iterdir():
        folder.chmod(0o700)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for folder, mode in closed.items():
            folder.chmod(mode)


def test_a_broken_settings_file_is_told_and_what_last_worked_is_looked_at(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "client.json"
    file.write_text(json.dumps({"server_url": URL}))
    load_and_keep(file, {"state": str(settings.state)}, "agent")
    file.write_text("{")
    assert main(["status", "--json", "--config", str(file), "--state", str(settings.state)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["server"] == URL
    assert "is not JSON" in told["troubles"][0]


@pytest.mark.usefixtures("device")
def test_no_secret_is_shown(settings: Settings) -> None:
    claim = json.loads((settings.agent_folder / "identity.json").read_text())["claim"]
    post(settings)
    shown = screen(status_of(settings), settings) + json.dumps(status_of(settings))
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
    assert len(screen(status, settings).splitlines()) == 21


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


class TestWithACard:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """A device with a fleet card, and no server in its settings."""
        home = FleetHome(tmp_path)
        self.fleet = home.card.fleet_id
        file = tmp_path / "fleet.json"
        file.write_text(json.dumps(home.card.to_json()))
        made = Settings(state=tmp_path / "state", fleet_card=file)
        made.agent_folder.mkdir(parents=True)
        identity_of(made.agent_folder, "pi-1a2b3c4d")
        return made

    def line(self, settings: Settings, name: str) -> str:
        lines = screen(status_of(settings), settings).splitlines()
        return next(line for line in lines if line.startswith(f"{name}:"))

    def test_it_says_whether_the_fleet_has_taken_it_in(self, settings: Settings) -> None:
        assert self.line(settings, "enrolled").split() == ["enrolled:", "not", "yet"]
        given = RegistrationAnswer("pi-1a2b3c4d", datetime(2026, 11, 23, tzinfo=UTC), None, URL, api_token=TOKEN)
        store_registration(settings.agent_folder, f"fleet {self.fleet}", given)
        assert f"in fleet {self.fleet} since 2026-11-23" in self.line(settings, "enrolled")
        assert secrets_of(settings)["api_token"] == TOKEN

    def test_it_says_what_it_waits_for_and_what_to_do(self, settings: Settings) -> None:
        news = {"ok": False, "said": "it waits (key 0123)", "remedy": "approve it"}
        Bulletin(settings.agent_folder).post("enrolment", news)
        assert self.line(settings, "enrolled").endswith("no: it waits (key 0123); approve it")

    def test_what_another_fleet_gave_does_not_count(self, settings: Settings) -> None:
        given = RegistrationAnswer("pi-1a2b3c4d", datetime(2026, 11, 23, tzinfo=UTC), None, URL, api_token=TOKEN)
        store_registration(settings.agent_folder, "fleet another", given)
        assert status_of(settings)["registered"] is None
        assert secrets_of(settings)["api_token"] is None

    def test_a_damaged_card_is_a_trouble_and_hides_nothing_else(self, settings: Settings) -> None:
        settings.fleet_card.write_text("{")
        status = status_of(settings)
        assert "is no fleet card" in status["troubles"][0]
        assert status["fleet"] is None
        assert "is no fleet card" in screen(status, settings)


GARBAGE: tuple[object, ...] = (
    None,
    True,
    7,
    "x",
    [],
    [7],
    ["x"],
    [[]],
    [{"id": 7}],
    [{"standing": "{x}"}],
    {},
    {"a": 1},
    {"ok": "no"},
    {"ok": 0},
)


@pytest.mark.parametrize(
    ("program", "topic"),
    [
        *(("capture", topic) for topic in ("scanners", "troubles", "storing")),
        *(("agent", topic) for topic in ("server", "hub", "enrolment", "update")),
    ],
)
@pytest.mark.parametrize("news", GARBAGE)
def test_whatever_a_service_tells_there_is_a_status(
    settings: Settings, program: str, topic: str, news: object
) -> None:
    folder = settings.state / program
    folder.mkdir(parents=True)
    Bulletin(folder).post(topic, news)
    told = status_of(settings)
    assert told[f"{program}_runs"]
    assert json.loads(json.dumps(told)) == told
    assert "device:" in screen(told, settings)
