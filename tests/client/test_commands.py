"""The commands of the appliance: settings are written whole or refused, secrets are shown only when asked for."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_auto.client.agent.enrolment.identity import identity_of
from pi_auto.client.agent.enrolment.registration import store_registration
from pi_auto.client.cli import main
from pi_auto.wire.registration import RegistrationAnswer

TOKEN = "a-token-" * 6
SERVER = "http://127.0.0.1:1"  # where nobody listens


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pi_auto_client.json"


@pytest.fixture
def registered(tmp_path: Path) -> Path:
    """The state folder of a device that its server has given something."""
    folder = tmp_path / "state/agent"
    folder.mkdir(parents=True)
    identity_of(folder, "pi-1a2b3c4d")
    answer = RegistrationAnswer(
        device_id="pi-1a2b3c4d", registration_date=datetime(2026, 11, 23, tzinfo=UTC), message="welcome",
        connection_string="HostName=hub;DeviceId=pi-1a2b3c4d;SharedAccessKey=c2VjcmV0",
        server_url=SERVER, api_token=TOKEN,
    )  # fmt: skip
    store_registration(folder, SERVER, answer)
    return folder.parent


def configure(file: Path, *words: str) -> int:
    return main(["configure", "--config", str(file), *words])


def test_settings_are_begun_where_there_are_none(file: Path) -> None:
    assert configure(file, "--server", "https://fleet.example") == 0
    assert json.loads(file.read_text()) == {"server_url": "https://fleet.example"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_what_is_not_named_stays(file: Path) -> None:
    file.write_text('{"log_barcodes": false, "of_a_newer_version": [1], "server_url": "https://old.example"}')
    assert configure(file, "--server", "https://new.example", "--log-level", "ERROR") == 0
    assert json.loads(file.read_text()) == {
        "log_barcodes": False,
        "of_a_newer_version": [1],
        "server_url": "https://new.example",
        "log_level": "ERROR",
    }


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('{"server_url": ', ["--scanner", "auto"]),
        ('{"log_level": "LOUD"}', ["--scanner", "auto"]),
        ("{}", ["--server", "ftp://fleet.example"]),
    ],
    ids=["not JSON", "a wrong value", "a wrong change"],
)
def test_what_could_not_work_is_refused_and_nothing_changes(
    file: Path, written: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(written)
    assert configure(file, *words) == 2
    assert "pi-auto-client: " in capsys.readouterr().err
    assert file.read_text() == written


@pytest.mark.parametrize("words", [[], ["--state", "elsewhere"]], ids=["nothing", "what no file holds"])
def test_where_nothing_is_named_nothing_is_written(
    file: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert configure(file, *words) == 2
    assert "configure: nothing is named to be written" in capsys.readouterr().err
    assert not file.exists()


def test_what_is_unset_is_taken_out_and_what_was_wrong_can_be_set_right(file: Path) -> None:
    file.write_text('{"proxy": "http://proxy.example:3128", "log_level": "LOUD", "log_barcodes": false}')
    assert configure(file, "--unset", "proxy", "--log-level", "ERROR") == 0
    assert json.loads(file.read_text()) == {"log_level": "ERROR", "log_barcodes": False}
    assert configure(file, "--unset", "log-level", "--unset", "log_barcodes") == 0
    assert json.loads(file.read_text()) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--unset", "prxy"], "no setting is named 'prxy'; allowed: "),
        (["--unset", "proxy", "--proxy", "http://proxy.example:3128"], "proxy is set and unset at once"),
        (["--unset", "insecure_plain_http"], "server_url is 'h"),
    ],
)
def test_what_cannot_be_unset_is_told_and_nothing_changes(
    file: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = '{"server_url": "http://fleet.example", "insecure_plain_http": true}'
    file.write_text(written)
    assert configure(file, *words) == 2
    assert said in capsys.readouterr().err
    assert file.read_text() == written


def test_secrets_are_shown_when_asked_for_and_only_then(
    registered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = ["status", "--state", str(registered), "--server", SERVER]
    assert main([*known, "--json"]) == 0
    shown = capsys.readouterr().out
    assert "c2VjcmV0" not in shown
    assert TOKEN not in shown
    assert main([*known, "--secrets"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["connection_string"].endswith("SharedAccessKey=c2VjcmV0")
    assert told["api_token"] == TOKEN


def test_asking_for_an_update_says_why_it_cannot(registered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-update", "--state", str(registered), "--server", SERVER]) == 1
    assert "cannot ask for an update: no use of the server at 127.0.0.1 port 1" in capsys.readouterr().err


def test_a_device_that_is_not_registered_cannot_ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-update", "--state", str(tmp_path), "--server", SERVER]) == 1
    assert "has not registered this device yet" in capsys.readouterr().err


def test_setup_refuses_to_run_out_of_a_working_copy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup"]) == 1
    assert "pi-auto-client setup: " in capsys.readouterr().err
