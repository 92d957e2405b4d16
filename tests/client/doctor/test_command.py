"""The command, as a person or a program calls it, over a real state folder."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_auto.client.doctor.findings import SUDO, Finding, State
from pi_auto.client.doctor.screen import shown, summary
from pi_auto.wire.times import format_time
from support.fleet_peer import FleetPeer, answer
from support.patients import TOKEN, Device
from support.stored import StoredScans

CLIENT = [sys.executable, "-m", "pi_auto.client.cli", "doctor"]


@pytest.fixture
def server() -> Iterator[FleetPeer]:
    with FleetPeer() as peer:
        said = {
            "service": "barcode_scanner_server",
            "version": "0.1.0",
            "timestamp": format_time(datetime.now(UTC)),
        }
        peer.always["/api/health"] = answer(said)
        peer.tokens.append(TOKEN)
        yield peer


@pytest.fixture
def device(tmp_path: Path, server: FleetPeer) -> Device:
    """A device at which all is well that can be on the machine of these tests."""
    device = Device(tmp_path, server.url)
    device.register(with_hub=False)
    device.agent_posts(server={"ok": True, "said": "registered"})
    device.capture_posts(
        scanners=[{"id": "x", "name": "HR32", "port": "1", "path": "/dev/input/event3", "standing": "scanner"}]
    )
    StoredScans(device.state).close()
    return device


def ran(device: Device, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*CLIENT, "--state", str(device.state), "--config", str(device.file), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def told(device: Device) -> dict[str, Finding]:
    findings = json.loads(ran(device, "--json").stdout)["findings"]
    return {
        each["name"]: Finding(each["name"], State(each["state"]), each["what"], each["remedy"])
        for each in findings
    }


def test_a_line_for_each_check_and_a_remedy_below_what_is_not_right(device: Device) -> None:
    done = ran(device)
    lines = done.stdout.splitlines()
    assert done.returncode == 1  # nothing is installed here
    assert done.stderr == ""
    assert lines[0].split() == ["wrong", "installation", "nothing", "is", "installed", "in", "/opt/pi-auto-client"]
    assert lines[1].split()[0] == "do:"
    assert any(line.split()[:2] == ["ok", "registration"] for line in lines)
    assert "wrong" in lines[-1]


def test_programs_get_the_same_as_an_object(device: Device) -> None:
    found = told(device)
    for name in (
        "settings",
        "names",
        "server",
        "registration",
        "hub",
        "scanner",
        "permissions",
        "queue",
        "update",
    ):
        assert found[name].state is State.OK, found[name]


def test_what_is_broken_on_this_device_is_found(device: Device, server: FleetPeer) -> None:
    (device.state / "agent/registration.json").chmod(0o644)
    device.capture_posts(scanners=[])
    server.tokens.clear()
    found = told(device)
    assert [name for name in ("permissions", "scanner", "update") if found[name].state is not State.WRONG] == []


def test_broken_settings_are_a_finding_and_not_the_end(device: Device) -> None:
    (device.state / "agent/settings.json").write_text(device.file.read_text())
    device.file.write_text("{")
    found = told(device)
    assert "is not JSON" in found["settings"].what
    assert found["server"].state is State.OK


def test_there_is_colour_on_a_terminal_and_only_there(device: Device) -> None:
    assert "\x1b" not in ran(device).stdout
    ours, theirs = pty.openpty()
    command = [*CLIENT, "--state", str(device.state), "--config", str(device.file)]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    with subprocess.Popen(command, stdout=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:  # the other side is closed
            pass
        process.wait(60)
    os.close(ours)
    assert b"\x1b[32mok" in seen


def test_text_from_outside_drives_no_terminal() -> None:
    line = shown(Finding("scanner", State.WRONG, "\x1b[2J", "\x07"), colour=False)
    assert "\x1b" not in line
    assert "\x07" not in line


def test_the_end_says_how_much_is_wrong_and_what_needs_sudo() -> None:
    fine, needy = Finding("disk", State.OK, "room"), Finding("hub", State.WRONG, "could not be checked", SUDO)
    assert summary([fine]) == "nothing is wrong, nothing is to be looked at"
    assert summary([fine, needy]).splitlines() == [
        "1 thing is wrong, nothing is to be looked at",
        "These need more rights: hub. Run it with sudo: sudo pi-auto-client doctor",
    ]


def test_a_bundle_is_never_written_over_a_file(device: Device, tmp_path: Path) -> None:
    (tmp_path / "bundle.zip").write_text("mine")
    done = ran(device, "--bundle", str(tmp_path / "bundle.zip"))
    assert done.returncode == 2
    assert (
        done.stderr == f"pi-auto-client doctor: {tmp_path / 'bundle.zip'}: is there already; name another file\n"
    )
    assert (tmp_path / "bundle.zip").read_text() == "mine"


def test_a_bundle_in_a_folder_that_is_not_there_is_refused_in_a_sentence(device: Device, tmp_path: Path) -> None:
    done = ran(device, "--bundle", str(tmp_path / "no" / "bundle.zip"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "No such file or directory" in done.stderr


@pytest.mark.parametrize(
    "words", [["--seconds", "0"], ["--seconds", "soon"], ["--before-shipping", "--config", "x"]]
)
def test_what_makes_no_sense_is_refused(words: list[str]) -> None:
    done = subprocess.run([*CLIENT, *words], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "allowed" in done.stderr
    assert "Traceback" not in done.stderr
