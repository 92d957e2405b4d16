from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import pytest

from pi_auto.client.configuring import OF_ITS_SERVER, OF_THIS_DEVICE, configure, forget, written_in
from pi_auto.client.settings import Settings, SettingsError

STAY = {
    "state", "scanner", "update_interval", "update_bandwidth", "heartbeat_interval", "registration_retry_interval",
    "log_level",
    "log_barcodes", "log_format", "led", "signal_gpio", "wifi_by_scanning",
}  # fmt: skip
WRITTEN = {
    "device_id": "pi-1a2b3c4d",
    "server_url": "https://fleet.example",
    "server_ca": "/nowhere.pem",
    "log_barcodes": False,
    "connection_string": "HostName=…;SharedAccessKey=canary",
}


def test_of_every_setting_it_is_decided_what_a_factory_reset_does_with_it() -> None:
    decided = [*STAY, *OF_THIS_DEVICE, *OF_ITS_SERVER]
    assert sorted(decided) == sorted(field.name for field in fields(Settings))


@pytest.mark.parametrize(
    ("server", "left"), [(False, ["server_url", "server_ca", "log_barcodes"]), (True, ["log_barcodes"])]
)
def test_the_device_is_forgotten_and_if_asked_for_its_server(
    tmp_path: Path, server: bool, left: list[str]
) -> None:
    file = tmp_path / "client.json"
    file.write_text(json.dumps(WRITTEN))
    forget(file, server=server)
    assert list(json.loads(file.read_text())) == left
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("content", ["{", "[]", '{"device_id": "pi-1'])
def test_a_file_that_holds_no_settings_is_told_and_goes_as_a_whole(tmp_path: Path, content: str) -> None:
    file = tmp_path / "client.json"
    file.write_text(content)
    with pytest.raises(SettingsError, match=str(file)):
        written_in(file)
    forget(file, server=False)
    assert not file.exists()


def test_where_there_is_no_file_there_is_nothing_to_forget(tmp_path: Path) -> None:
    forget(tmp_path / "client.json", server=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("server", [False, True])
def test_half_a_character_in_the_file_ends_no_factory_reset(tmp_path: Path, server: bool) -> None:
    file = tmp_path / "client.json"
    file.write_text('{"server_url": "https://fleet.example", "led": "\\ud800"}')
    forget(file, server=server)
    assert json.loads(file.read_text())["led"] == "\ud800"


def test_half_a_character_that_no_setting_has_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.write_text('{"later": "\\ud800"}')
    configure(file, {"led": "off"})
    assert json.loads(file.read_text()) == {"later": "\ud800", "led": "off"}


def test_a_file_of_any_size_is_told_and_goes_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.touch()
    os.truncate(file, 2**40)
    forget(file, server=False)
    assert not file.exists()
