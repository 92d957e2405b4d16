"""Recordings in evemu's format: written, read back, decoded, and refused where they are broken."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.capture.errors import RecordingError
from pi_auto.client.capture.evemu import Description, read_recording, write_description, write_event
from pi_auto.client.capture.events import InputEvent
from pi_auto.client.capture.keys.layout import NAMES, load
from pi_auto.client.capture.replay import replay
from pi_auto.client.cli import main
from pi_auto.simulator.wedge import Wedge
from support.keys import MS, START, Fifo, overflow, recording, typed
from support.waiting import wait_until

EAN = "4006381333931"


def replayed(path: Path) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    code = replay(path, out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def texts(lines: list[dict[str, Any]]) -> list[str | None]:
    return [line["text"] for line in lines]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    events = [*typed("Ab1"), InputEvent(START + 90 * MS, 4, 4, -458756), InputEvent(START + 90 * MS, 0, 0, 0)]
    assert list(read_recording(recording(tmp_path / "scan", events))) == events


def test_a_description_has_evemus_lines() -> None:
    device = Description("A Scanner", (3, 0x05E0, 0x1200, 0x110), b"\0", {1: bytes([0, 0xFE] + [0] * 8)})
    assert write_description(device).splitlines() == [
        "# EVEMU 1.3",
        "N: A Scanner",
        "I: 0003 05e0 1200 0110",
        "P: 00 00 00 00 00 00 00 00",
        "B: 01 00 fe 00 00 00 00 00 00",
        "B: 01 00 00 00 00 00 00 00 00",
    ]


def test_an_event_is_written_as_evemu_writes_it() -> None:
    assert write_event(InputEvent(1_000_002_000, 1, 0x1E, 1)) == "E: 1.000002 0001 001e 0001\t# EV_KEY\n"


def test_a_recording_by_evemu_itself_is_read(tmp_path: Path) -> None:
    path = tmp_path / "evemu"
    path.write_text(
        '# EVEMU 1.3\n# Kernel: 6.1.0\n# DMI: dmi:bvn\n\n# Input device name: "X"\nN: X\nI: 0003 05e0 1200 0110\n'
        "P: 00 00 00 00 00 00 00 00\nB: 00 0b 00 00 00 00 00 00 00\nA: 20 0 652 0 0 0\nL: 00 0\nS: 00 0\n"
        "E: 0.000001 0004 0004 458782\t# EV_MSC / MSC_SCAN             458782\n"
        "E: 0.000001 0001 0002 0001\t# EV_KEY / KEY_1                 1\n"
        "E: 0.000001 0000 0000 0000\t# ------------ SYN_REPORT (0) ----------\n"
    )
    assert [event.code for event in read_recording(path)] == [4, 2, 0]


def test_an_ean_13_at_2_ms_a_character_is_printed_exactly(tmp_path: Path) -> None:
    code, lines = replayed(recording(tmp_path / "ean", typed(EAN)))
    assert code == 0
    assert lines == [{"type": "scan", "text": EAN, "seconds": (START + 26 * MS) / 1e9}]


def test_keys_dropped_in_a_code_give_a_lost_scan_and_no_code(tmp_path: Path) -> None:
    events = typed(EAN)
    code, lines = replayed(recording(tmp_path / "lost", [*events[:20], *overflow(events[20].time), *events[28:]]))
    assert code == 0
    assert [line["type"] for line in lines] == ["scan_lost"]
    assert "SYN_DROPPED" in lines[0]["reason"]


def test_a_code_that_the_recording_ends_in_is_ended_by_silence(tmp_path: Path) -> None:
    assert texts(replayed(recording(tmp_path / "open", typed("AB", suffix=None)))[1]) == ["AB"]


GOOD = "E: 1.000000 0001 0002 0001\nE: 1.000000 0000 0000 0000\nE: 1.001000 0001 001c 0001\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        (GOOD + "E: 1.001000 0000 0000 0000", "line 4"),
        (GOOD + "E: 1.0010", "line 4"),
        (GOOD, "middle of a report"),
        (GOOD + "E: 1.001000 0000\n", "line 4"),
        (GOOD + "E: 1.001000 0001 001c 99999999999\n", "line 4"),
        (GOOD + "<html>\n", "'<html>'"),
        (GOOD + "\x00\x1b\ufffd\n", "line 4"),
        (GOOD + "x" * 100_000 + "\n", "line 4"),
    ],
)
def test_a_broken_recording_is_told_with_its_line_after_what_was_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str
) -> None:
    path = tmp_path / "broken"
    path.write_text(content)
    code, lines = replayed(path)
    assert code == 2
    assert texts(lines) == (["1"] if content else [])
    told = capsys.readouterr().err
    assert says in told
    assert "allowed:" in told
    assert len(told) < 600


def test_a_recording_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(tmp_path / "nothing", io.StringIO()) == 2
    assert "nothing cannot be read: No such file" in capsys.readouterr().err


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="Is a directory"):
        list(read_recording(tmp_path))


GS1 = "]C1010405123456789217271231\x1d10LOT-42/A"


@pytest.mark.parametrize("layout", NAMES)
def test_a_recording_is_read_by_the_layout_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    wedge = Wedge(load(layout))
    events = [*wedge.events("A1-/:z", START), *wedge.events(GS1, START + 900 * MS)]
    assert main(["replay", str(recording(tmp_path / "scans", events)), "--layout", layout]) == 0
    assert texts([json.loads(line) for line in capsys.readouterr().out.splitlines()]) == ["A1-/:z", GS1]


def test_digits_of_a_french_scanner_need_no_layout_and_what_was_typed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recording(tmp_path / "french", Wedge(load("fr")).events(EAN, START)))]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["text"], bytes.fromhex(told["raw"])) == (EAN, b"$))^#*!###(#!")


def test_a_layout_that_does_not_exist_is_refused_with_those_that_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recording(tmp_path / "scan", typed(EAN))), "--layout", "xx"]) == 2
    assert f"no keyboard layout 'xx'; allowed: {', '.join(NAMES)}" in capsys.readouterr().err


def test_recording_a_scanner_and_replaying_it_gives_the_same_codes(tmp_path: Path) -> None:
    fifo, path = Fifo(tmp_path / "scanner"), tmp_path / "recording"
    program = f"import sys; from pathlib import Path; from pi_auto.client.capture.record import record; \
sys.exit(record(Path({str(fifo.path)!r}), Path({str(path)!r})))"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "ready" in process.stdout.readline()
        fifo.send([*typed(EAN), *typed("Half", START + 500 * MS)[:-1]])
        wait_until(lambda: path.read_text().count("\n") > 40, what="the keys are written")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    fifo.close()
    assert texts(replayed(path)[1]) == [EAN, "Half"]
    assert next(read_recording(path)).time == 0


@pytest.mark.parametrize("device", ["/dev/null", "/nowhere/event9", "."])
def test_recording_what_is_no_scanner_is_refused(
    tmp_path: Path, device: str, capfd: pytest.CaptureFixture[str]
) -> None:
    program = f"import sys; from pathlib import Path; from pi_auto.client.capture.record import record; \
sys.exit(record(Path({device!r}), Path({os.fspath(tmp_path / 'out')!r})))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 2
    told = capfd.readouterr().err
    assert told.startswith("pi-auto-client record: ")
    assert device in told
