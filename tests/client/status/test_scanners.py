"""`pi-auto-client scanners`: what is plugged in, what cannot be opened, and live what each scanner sends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from pi_auto.client.bulletin import Bulletin
from pi_auto.client.cli import main
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.client.status.trying import line_of
from pi_auto.simulator.program import Program
from pi_auto.simulator.scanner import VirtualScanner
from pi_auto.wire.scan import Record
from support.records import SCANNER, incident, scan
from support.spools import filled, lost
from support.stored import StoredScans
from support.waiting import wait_until

CLIENT = [sys.executable, "-m", "pi_auto.client.cli"]
HR32 = SCANNER.to_json() | {"path": "/dev/input/event3", "standing": "scanner"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Capture's."""
    made = tmp_path / "state" / "capture"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def capture(folder: Path) -> Bulletin:
    """A capture that runs, with nothing plugged in so far."""
    bulletin = Bulletin(folder)
    tell(bulletin)
    return bulletin


def tell(bulletin: Bulletin, *scanners: dict[str, str], **troubles: str) -> None:
    bulletin.post("scanners", list(scanners))
    bulletin.post("troubles", {f"/dev/input/{name}": said for name, said in troubles.items()})


def listed(folder: Path, *options: str) -> int:
    return main(["scanners", "--state", str(folder.parent), *options])


def test_they_are_listed_with_what_each_is(
    folder: Path, capture: Bulletin, capsys: pytest.CaptureFixture[str]
) -> None:
    keyboard = {"id": "k", "name": "Cherry \x1b[2J", "port": "", "path": "/dev/input/event4", "standing": "person"}
    tell(capture, HR32, keyboard)
    assert listed(folder) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Newland HR32 at usb-1/input0 (/dev/input/event3): a scanner; id usb-Newland_HR32-event-kbd"
    assert second.startswith("Cherry \\x1b[2J (/dev/input/event4): a person's keyboard, left alone; ")


def test_what_cannot_be_used_as_it_is_is_listed_with_what_to_do(
    folder: Path, capture: Bulletin, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"id": "usb-x", "port": ""}
    mute = told | {
        "name": "DS9208",
        "path": "/dev/hidraw0",
        "standing": "mute",
        "said": "is set to {x}",
        "do": "scan y",
    }
    unknown = told | {"name": "FT232R", "path": "/dev/ttyUSB0", "standing": "unknown"}
    tell(capture, mute, unknown)
    assert listed(folder) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "DS9208 (/dev/hidraw0): a scanner that is set to {x}; scan y; id usb-x"
    assert "left alone; if it is one: sudo pi-auto-client scanners --set usb-x --kind scanner; id usb-x" in second
    assert listed(folder, "--json") == 0
    assert json.loads(capsys.readouterr().out)["scanners"] == [mute, unknown]


TROUBLES = {
    "cannot be opened: Permission denied": "unplug it and plug it in again; if it stays, repair",
    "cannot be opened: Device or resource busy": "sudo fuser -v /dev/input/event5",
    "is not plugged in": "sudo pi-auto-client configure --scanner auto",
    "cannot be used: /dev/null is no input device": "sudo pi-auto-client configure --scanner auto",
    "cannot be opened: Input/output error": "sudo journalctl -u pi-auto-capture",
}


@pytest.mark.parametrize("said", TROUBLES)
def test_what_cannot_be_opened_is_told_with_what_to_do(
    folder: Path, capture: Bulletin, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(capture, event5=said)
    assert listed(folder) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"/dev/input/event5 {said}; ")
    assert TROUBLES[said] in line


def test_the_list_as_data(folder: Path, capture: Bulletin, capsys: pytest.CaptureFixture[str]) -> None:
    tell(capture, HR32, event5="is not plugged in")
    assert listed(folder, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["running"], told["scanners"]) == (True, [HR32])
    assert (told["troubles"][0]["path"], told["troubles"][0]["said"]) == ("/dev/input/event5", "is not plugged in")
    assert told["troubles"][0]["do"].startswith("plug it in")


@pytest.mark.usefixtures("capture")
def test_where_nothing_is_plugged_in_that_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(folder) == 0
    assert "no scanner is plugged in" in capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--test"]])
def test_where_capture_does_not_run_it_is_said_what_starts_it(
    folder: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(folder, *options) == 1
    assert f"start it: pi-auto-client capture --state {folder.parent}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seconds", "3"], "--seconds is of --test"),
        (["--test", "--json"], "--json is of the list"),
        (["--test", "--seconds", "0"], "allowed: more than 0"),
        (["--test", "--seconds", "soon"], "'soon'; allowed: more than 0"),
        (["--test", "--seconds", "nan"], "allowed: more than 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    folder: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = listed(folder, *options)
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    assert words in capsys.readouterr().err


LINES: dict[str, tuple[Record, str]] = {
    "a plain one": (scan("4006381333931"), "'4006381333931' (13 characters)"),
    "a short one": (scan("a"), "'a' (1 character)"),
    "with blanks at its ends": (scan(" a "), "' a ' (3 characters)"),
    "with control characters": (scan("a\x1db\n"), "'a\\x1db\\n' (4 characters, bytes 61 1d 62 0a)"),
    "with letters of the world": (scan("Ünï"), "'Ünï' (3 characters)"),
    "with bytes of its own": (replace(scan("ä"), raw=b"\xe4"), "'ä' (1 character, bytes e4)"),
    "that tells its kind": (
        replace(
            scan("4006381333931", aim="]E0", symbology="ean-13", gtin="04006381333931"), raw=b"]E04006381333931"
        ),
        "'4006381333931' (13 characters, AIM ]E0, symbology ean-13, GTIN 04006381333931)",
    ),
    "that was misread": (scan("a", check_digit_ok=False), "'a' (1 character, its check digit is wrong)"),
    "that came twice": (scan("a", repeat_of=str(uuid4())), "'a' (1 character, a repeat within half a second)"),
    "that is lost": (incident(reason="keys were \x1b dropped"), "LOST: keys were \\x1b dropped"),
    "that is no scan": (incident(type="spool_replaced", reason="damage"), "spool_replaced: damage"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_record_in_a_line(case: str) -> None:
    record, line = LINES[case]
    shown = line_of(record)
    assert re.fullmatch(r"\d\d:\d\d:\d\d Newland HR32: ", shown[: -len(line)])
    assert shown.endswith(line)


class Trial:
    """A running `scanners --test`; `said` are its lines so far."""

    def __init__(self, process: subprocess.Popen[str], out: Path) -> None:
        self.process, self._out = process, out

    @property
    def said(self) -> list[str]:
        return self._out.read_text().splitlines()

    def says(self, words: str, times: int = 1) -> None:
        wait_until(lambda: sum(words in line for line in self.said) >= times, what=f"{words!r} in {self._out}")

    def ends(self) -> str:
        """End it as Ctrl-C does; its last line."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(5) == 0
        return self.said[-1]


@contextmanager
def trial(folder: Path, *options: str) -> Iterator[Trial]:
    out = folder.parent / f"trial-{uuid4()}"
    command = [*CLIENT, "scanners", "--test", "--state", str(folder.parent), *options]
    with out.open("wb") as lines, subprocess.Popen(command, stdout=lines, text=True) as process:
        try:
            found = Trial(process, out)
            found.says("Scan something")
            yield found
        finally:
            process.kill()


@pytest.fixture
def stored(folder: Path) -> Iterator[StoredScans]:
    scans = StoredScans(folder.parent)
    yield scans
    scans.close()


def test_what_was_scanned_before_is_not_shown_and_what_comes_is(
    folder: Path, capture: Bulletin, stored: StoredScans
) -> None:
    tell(capture, HR32)
    stored.scan("before")
    with trial(folder) as running:
        running.says("Newland HR32 at usb-1/input0 (/dev/input/event3): a scanner")
        stored.scan("one", "two")
        stored.incident("keys were dropped")
        running.says("LOST: keys were dropped")
        assert running.ends() == "2 scans, 1 lost"
    shown = running.said
    assert "stored and delivered like any other" in shown[0]
    assert [line.split("'")[1] for line in shown if "'" in line] == ["one", "two"]


@pytest.mark.usefixtures("stored")
def test_it_waits_for_a_scanner_and_says_when_one_comes_and_goes(folder: Path, capture: Bulletin) -> None:
    with trial(folder) as running:
        running.says("no scanner is open; waiting for one")
        tell(capture, HR32 | {"standing": "unjudged"})
        running.says("plugged in: Newland HR32 at usb-1/input0 (/dev/input/event3): not judged yet; scan a code")
        tell(capture, HR32 | {"standing": "person"})
        running.says("Newland HR32 at usb-1/input0 (/dev/input/event3): a person's keyboard")
        running.says("no scanner is open", times=2)
        tell(capture)
        running.says("unplugged: Newland HR32")
        assert running.ends() == "0 scans, 0 lost"


@pytest.mark.usefixtures("stored", "capture")
def test_it_ends_by_itself_after_so_many_seconds(folder: Path) -> None:
    with trial(folder, "--seconds", "0.3") as running:
        assert running.process.wait(5) == 0
        assert running.said[-1] == "0 scans, 0 lost"


@pytest.mark.usefixtures("stored")
def test_a_capture_that_ends_meanwhile_is_told_and_so_is_its_return(folder: Path, capture: Bulletin) -> None:
    with trial(folder) as running:
        capture.take_down()
        running.says("capture does not run")
        tell(Bulletin(folder), HR32)
        running.says("capture runs again")
        running.ends()


def test_of_a_spool_begun_anew_only_what_is_scanned_now_is_shown(folder: Path, capture: Bulletin) -> None:
    tell(capture, HR32)
    filled(folder, "long ago").close()
    with trial(folder) as running:
        running.says("a scanner")
        for file in folder.glob(f"{FILE_NAME}*"):
            file.unlink()
        filled(folder, "long ago, and saved").close()  # stamped in another boot
        scans = StoredScans(folder.parent)
        scans.spool.append([replace(lost(), stamp=scans.spool._now())])
        running.says("LOST: keys were dropped")
        scans.close()
        assert running.ends() == "0 scans, 1 lost"
    assert not [line for line in running.said if "long ago" in line]


def test_with_a_real_capture_it_shows_what_is_typed(tmp_path: Path) -> None:
    scanner, state = VirtualScanner(tmp_path / "scanner"), tmp_path / "state"
    program = Program(
        "pi_auto.client.cli", "capture", "--state", str(state), "--scanner", str(scanner.path),
        log=tmp_path / "capture.log",
    )  # fmt: skip
    program.start()
    try:
        with trial(state / "capture") as running:
            running.says(f"virtual scanner ({scanner.path}): a scanner")
            scanner.type_at_once("8053734093444")
            running.says("'8053734093444' (13 characters, symbology ean-13, GTIN 08053734093444)")
            assert running.ends() == "1 scan, 0 lost"
    finally:
        program.stop()
        scanner.close()
