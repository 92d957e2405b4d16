"""A settings file that was broken by hand does not stop what worked before."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from pi_auto.client.last_good import COPY, load_or_last_good
from pi_auto.client.settings import SettingsError

GOOD = {"server_url": "https://fleet.example:5443", "log_barcodes": False}
BROKEN = [
    '{"server_url": "https://fl',
    "[]",
    '{"server_url": 7}',
    '{"server_url": "http://10.0.0.4:5000"}',
    "\xff",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pi_auto_client.json"
    path.write_text(json.dumps(GOOD))
    return path


@pytest.mark.parametrize("content", BROKEN)
def test_the_settings_that_last_worked_hold_and_the_fault_is_told(
    tmp_path: Path, file: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"state": str(tmp_path / "state")}
    good = load_or_last_good(file, given, "agent")
    file.write_text(content)
    with caplog.at_level(logging.ERROR):
        assert load_or_last_good(file, given, "agent") == good
    assert str(file) in caplog.text
    assert "last worked" in caplog.text


def test_capture_which_talks_to_no_server_does_not_judge_its_address(tmp_path: Path, file: Path) -> None:
    given = {"state": str(tmp_path)}
    load_or_last_good(file, given, "capture")
    file.write_text('{"server_url": "http://10.0.0.4:5000"}')
    assert load_or_last_good(file, given, "capture").log_barcodes


def test_a_file_that_is_gone_is_as_good_as_a_broken_one(tmp_path: Path, file: Path) -> None:
    good = load_or_last_good(file, {"state": str(tmp_path)}, "agent")
    file.unlink()
    assert load_or_last_good(file, {"state": str(tmp_path)}, "agent") == good


def test_each_program_keeps_its_own_copy_for_itself_alone(tmp_path: Path, file: Path) -> None:
    for program in ("capture", "agent"):
        load_or_last_good(file, {"state": str(tmp_path)}, program)
        copy = tmp_path / program / COPY
        assert json.loads(copy.read_text()) == GOOD
        assert copy.stat().st_mode & 0o077 == 0


def test_a_mended_file_counts_again(tmp_path: Path, file: Path) -> None:
    given = {"state": str(tmp_path)}
    load_or_last_good(file, given, "capture")
    file.write_text("{")
    load_or_last_good(file, given, "capture")
    file.write_text(json.dumps(GOOD | {"log_barcodes": True}))
    assert load_or_last_good(file, given, "capture").log_barcodes


def test_without_a_good_copy_the_fault_of_the_file_is_what_is_said(tmp_path: Path, file: Path) -> None:
    file.write_text("{")
    with pytest.raises(SettingsError, match=r"pi_auto_client\.json: is not JSON"):
        load_or_last_good(file, {"state": str(tmp_path / "state")}, "capture")


def test_a_wrong_command_line_is_not_covered_up(tmp_path: Path, file: Path) -> None:
    load_or_last_good(file, {"state": str(tmp_path)}, "capture")
    with pytest.raises(SettingsError, match="command line"):
        load_or_last_good(file, {"state": str(tmp_path), "log_level": "LOUD"}, "capture")


def test_authorities_that_this_user_cannot_see_are_a_fault_of_the_file_and_stop_nobody(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a home folder, which the services' sandbox shuts."""

    def shut(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    given = {"state": str(tmp_path / "state")}
    good = load_or_last_good(file, given, "agent")
    file.write_text(json.dumps({**GOOD, "server_ca": "/home/pi/ca.pem", "led": "off"}))
    monkeypatch.setattr(Path, "is_file", shut)
    assert load_or_last_good(file, given, "agent") == good
    assert load_or_last_good(file, given, "capture").led == "off"  # which believes nobody


@pytest.mark.parametrize("program", ["agent", "capture"])
def test_a_file_of_any_size_stops_nobody(tmp_path: Path, file: Path, program: str) -> None:
    given = {"state": str(tmp_path / "state")}
    good = load_or_last_good(file, given, program)
    os.truncate(file, 2**40)  # more than fits into any memory
    assert load_or_last_good(file, given, program) == good
