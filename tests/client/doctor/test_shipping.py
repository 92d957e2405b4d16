"""The guide's list before shipping: boxes by what was found, and the exercise of being offline with real scans."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pi_auto.client.appliance.rehearsal import Rehearsal, Rehearsed
from pi_auto.client.doctor.findings import Finding, State
from pi_auto.client.doctor.shipping import before_shipping, tick
from pi_auto.client.spool.destinations import API, HUB
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.wire.ids import Position
from support.patients import Device
from support.stored import StoredScans
from support.waiting import wait_until

SCANNED = {"newest_scan": {"number": 7, "time": "2026-11-23T12:00:00.000Z", "text": "4006381333931"}}
NEEDED = ("installation", "services", "permissions", "server", "registration", "scanner", "update", "hub")
SYSTEMCTL = """#!/bin/sh
echo "$1 $2" >> {folder}/called
case "$1" in
    is-active) [ -e "{folder}/$2" ] && echo active ;;
    stop) rm "{folder}/$2" ;;
    start) touch "{folder}/$2" ;;
esac
"""
AGENT, CAPTURE = "pi-auto-client.service", "pi-auto-capture.service"


def all_well() -> dict[str, Finding]:
    return {name: Finding(name, State.OK, f"{name} is well") for name in NEEDED}


def ticked(found: dict[str, Finding], status: object = None) -> list[str]:
    return [box.name for box in tick(found, SCANNED if status is None else status) if box.ticked]  # type: ignore[arg-type]


def test_where_all_is_well_all_boxes_but_the_rehearsals_are_ticked() -> None:
    assert ticked(all_well()) == [
        "Install Pi Auto Client on all devices",
        "Test auto-registration with live server",
        "Verify barcode scanner compatibility",
        "Test OTA update process",
        "Confirm IoT Hub connectivity",
    ]


@pytest.mark.parametrize(
    ("check", "box"),
    [
        ("installation", "Install"), ("services", "Install"), ("permissions", "Install"), ("server", "Test auto"),
        ("registration", "Test auto"), ("scanner", "Verify"), ("update", "Test OTA"), ("hub", "Confirm"),
    ],
)  # fmt: skip
def test_what_is_wrong_opens_its_box_and_says_what_to_do(check: str, box: str) -> None:
    found = all_well() | {check: Finding(check, State.WRONG, "it is broken", "mend it")}
    (open_box,) = [each for each in tick(found, SCANNED) if not each.ticked]
    assert open_box.name.startswith(box)
    assert open_box.reason == "it is broken; do: mend it"


def test_what_could_not_be_found_out_is_not_ticked() -> None:
    found = all_well()
    del found["hub"]
    assert "Confirm IoT Hub connectivity" not in ticked(found)


def test_a_scanner_that_has_never_scanned_is_not_proved() -> None:
    assert "Verify barcode scanner compatibility" not in ticked(all_well(), {"newest_scan": None})


def test_of_updates_no_more_is_claimed_than_was_tried() -> None:
    (box,) = [each for each in tick(all_well(), SCANNED) if each.name == "Test OTA update process"]
    assert box.reason.endswith(
        "only the question was tried: to see one installed, roll a release out to this device"
    )


def test_a_device_that_takes_no_updates_is_not_shipped_by_mistake() -> None:
    found = all_well() | {"update": Finding("update", State.WARN, "updates are off", "get a card")}
    (box,) = [each for each in tick(found, SCANNED) if not each.ticked]
    assert (box.name, box.reason) == ("Test OTA update process", "updates are off; do: get a card")


@dataclass
class Shop:
    """A device with a systemd that is a script, and an installed command that is the real one over its state."""

    folder: Path
    device: Device
    command: tuple[str, ...]

    def called(self, *words: str) -> list[str]:
        lines = (self.folder / "called").read_text().splitlines() if (self.folder / "called").exists() else []
        return [line for line in lines if line.split()[0] in words]

    def is_talking(self) -> bool:
        return (self.folder / AGENT).exists()

    def scan(self, text: str) -> None:
        """What capture does."""
        scans = StoredScans(self.device.state)
        scans.scan(text)
        scans.close()

    def deliver(self) -> None:
        """What the agent does: settle all there is, by both ways."""
        marks = Marks(self.device.state / "agent/marks.sqlite")
        with SpoolReader(self.device.state / "capture") as reader:
            for way in (API, HUB):
                marks.advance(way, Position(reader.uuid(), reader.newest()))
        marks.close()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    folder = tmp_path / "bin"
    folder.mkdir()
    device = Device(tmp_path)
    device.register()
    (folder / "systemctl").write_text(SYSTEMCTL.format(folder=folder))
    client = shlex.join([sys.executable, "-m", "pi_auto.client.cli"])
    options = shlex.join(["--state", str(device.state), "--config", str(device.file)])
    (folder / "pi-auto-client").write_text(f'#!/bin/sh\nexec {client} "$@" {options}\n')
    for name in ("systemctl", "pi-auto-client"):
        (folder / name).chmod(0o755)
    for unit in (AGENT, CAPTURE):
        (folder / unit).touch()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    shop = Shop(folder, device, (str(folder / "pi-auto-client"),))
    shop.scan("before")
    return shop


def meanwhile(deed: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=deed)
    thread.start()
    return thread


def test_a_scan_while_nothing_is_sent_arrives_afterwards(shop: Shop) -> None:
    said: list[str] = []

    def person_and_agent() -> None:
        wait_until(lambda: not shop.is_talking(), what="the agent is stopped")
        shop.scan("4006381333931")
        wait_until(shop.is_talking, what="the agent is started again")
        shop.deliver()

    other = meanwhile(person_and_agent)
    rehearsed = Rehearsal(said.append, shop.command, to_scan=20).run()
    other.join()
    assert rehearsed.well, rehearsed.said
    assert "Scan one code now" in said[0]
    assert shop.called("stop", "start") == [f"stop {AGENT}", f"start {AGENT}"]


def test_without_a_scan_it_is_not_ticked_and_the_agent_runs_again(shop: Shop) -> None:
    rehearsed = Rehearsal(lambda _: None, shop.command, to_scan=0.1).run()
    assert rehearsed == Rehearsed(False, "no scan was stored within 0 s")
    assert shop.is_talking()


def test_a_scan_that_does_not_arrive_is_told_by_its_way(shop: Shop) -> None:
    def person() -> None:
        wait_until(lambda: not shop.is_talking(), what="the agent is stopped")
        shop.scan("4006381333931")

    other = meanwhile(person)
    rehearsed = Rehearsal(lambda _: None, shop.command, to_scan=20, to_deliver=0.1).run()
    other.join()
    assert (rehearsed.well, shop.is_talking()) == (False, True)
    assert "2 for the api, 2 for the hub" in rehearsed.said


@pytest.mark.parametrize("unit", [AGENT, CAPTURE])
def test_what_does_not_run_is_neither_stopped_nor_started(shop: Shop, unit: str) -> None:
    (shop.folder / unit).unlink()
    rehearsed = Rehearsal(lambda _: None, shop.command).run()
    assert "not tried" in rehearsed.said
    assert shop.called("stop", "start") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_interrupts_it_the_agent_runs_again(shop: Shop, number: signal.Signals) -> None:
    script = (
        "import sys\nfrom pi_auto.client.appliance.rehearsal import Rehearsal\n"
        "try:\n    Rehearsal(lambda said: print(said, flush=True), (sys.argv[1],)).run()\n"
        "except KeyboardInterrupt:\n    sys.exit(130)\n"
    )
    command = [sys.executable, "-c", script, *shop.command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Scan" in process.stdout.readline()
        assert not shop.is_talking()
        process.send_signal(number)
        assert process.wait(20) == 130
    assert shop.called("stop", "start") == [f"stop {AGENT}", f"start {AGENT}"]
    assert shop.is_talking()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_command_says_which_boxes_are_open(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert before_shipping(1, as_json=True, command=shop.command) == 1
    boxes = json.loads(capsys.readouterr().out)["boxes"]
    assert len(boxes) == 6
    assert boxes[-1]["name"] == "Validate offline/online scenarios"
    assert boxes[-1]["reason"].startswith("not tried: ")  # no scanner is open, so nobody is asked to scan
    assert shop.called("stop") == []
    before_shipping(1, as_json=False, command=shop.command)
    assert "[ ] Install Pi Auto Client on all devices: nothing is installed" in capsys.readouterr().out


def test_without_root_it_refuses_politely(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert before_shipping(1, as_json=False) == 2
    assert "sudo pi-auto-client doctor --before-shipping" in capsys.readouterr().err
