from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.appliance.country import country_code, set_country


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs that are the only ones to be found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, code: int = 0) -> Path:
    said = folder / f"{name}.said"
    file = folder / name
    file.write_text(f'#!/bin/sh\necho "$@" >> {said}\nexit {code}\n')
    file.chmod(0o755)
    return said


def test_on_raspberry_pi_os_its_own_tool_is_told(tools: Path, tmp_path: Path) -> None:
    said, unblocked = program(tools, "raspi-config"), program(tools, "rfkill")
    assert set_country("DE", tmp_path) == 0
    assert (said.read_text(), unblocked.read_text()) == ("nonint do_wifi_country DE\n", "unblock wifi\n")


def test_elsewhere_the_kernel_is_told_now_and_at_each_start(tools: Path, tmp_path: Path) -> None:
    said = program(tools, "iw")
    (tmp_path / "etc/modprobe.d").mkdir(parents=True)
    assert set_country("DE", tmp_path) == 0
    assert said.read_text() == "reg set DE\n"
    (file,) = (tmp_path / "etc/modprobe.d").iterdir()
    assert file.read_text() == "options cfg80211 ieee80211_regdom=DE\n"


def test_where_it_fails_it_is_said(tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(tools, "raspi-config", code=1)
    assert set_country("XX", tmp_path) == 1
    assert "country cannot be set" in capsys.readouterr().err


def test_a_country_is_two_letters() -> None:
    assert country_code("de") == "DE"
    for wrong in ("", "D", "DEU", "d1", "D\n", "../"):
        with pytest.raises(ValueError, match="two letters"):
            country_code(wrong)
