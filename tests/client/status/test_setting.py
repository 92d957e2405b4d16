"""`pi-auto-client scanners --set`: what a person sets of one scanner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.learning.facts import PERSON
from pi_auto.client.capture.learning.told import Told
from pi_auto.client.cli import main
from pi_auto.wire.scanner_settings import ScannerSettings
from support.records import SCANNER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """That of a capture which has one scanner open."""
    made = tmp_path / "state" / "capture"
    made.mkdir(parents=True)
    told = SCANNER.to_json() | {"path": "/dev/input/event3", "standing": "scanner"}
    Bulletin(made).post("scanners", [told])
    return made


def set_(folder: Path, *options: str, scanner: str = SCANNER.id) -> int:
    return main(["scanners", "--state", str(folder.parent), "--set", scanner, *options])


def found(folder: Path) -> ScannerSettings | None:
    """What capture finds."""
    told = Told(folder, folder, pytest.fail)
    told.look()
    return told.of(SCANNER.id).get(PERSON)


def test_what_is_set_reaches_capture_and_is_kept_with_what_was_set_before(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set_(folder, "--layout", "fr") == 0
    assert set_(folder, "--kind", "scanner") == 0
    assert found(folder) == ScannerSettings("fr", "scanner")
    assert capsys.readouterr().out.splitlines()[-1].endswith(": layout fr, a scanner")


def test_none_takes_a_setting_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_(folder, "--layout", "fr")
    assert set_(folder, "--layout", "none") == 0
    assert found(folder) == ScannerSettings()
    assert "nothing is set; what was learned holds" in capsys.readouterr().out


def test_each_call_to_calibrate_or_to_forget_is_a_new_word(folder: Path) -> None:
    words = set()
    for _ in range(2):
        assert set_(folder, "--calibrate", "--forget") == 0
        settings = found(folder)
        assert settings is not None
        words |= {settings.calibration, settings.forget}
    assert len(words) == 4
    assert None not in words


def test_a_scanner_that_is_not_there_is_refused_with_those_that_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set_(folder, "--layout", "fr", scanner="usb-nobody") == 2
    assert re.search(f"no scanner 'usb-nobody'; allowed: {SCANNER.id}: ", capsys.readouterr().err)
    assert found(folder) is None


def test_one_that_was_unplugged_since_can_still_be_set(folder: Path) -> None:
    set_(folder, "--layout", "fr")
    Bulletin(folder).post("scanners", [])
    assert set_(folder, "--layout", "none") == 0


REFUSED = {
    ("--layout", "xx"): "--layout is 'xx'; allowed: us, gb, ",
    ("--kind", "mouse"): "--kind is 'mouse'; allowed: scanner, keyboard, none",
    (): "--set ID and at least one of --layout, --kind, --calibrate, --forget go together",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_cannot_be_set_is_refused_in_a_sentence(
    folder: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert set_(folder, *options) == 2
    assert REFUSED[options] in capsys.readouterr().err
