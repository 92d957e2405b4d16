"""`pi-auto-server device` against a real server with its hub, and a device that answers as a test wants it to."""

from __future__ import annotations

import io
import json
import secrets
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pi_auto.server.calls.trail import Trail
from pi_auto.wire import topics
from support.conversation import paho, register
from support.mqtt import PahoDevice
from support.server import RunningServer, running_server
from support.waiting import wait_until

DEVICE = "pi-1a2b3c4d"


@dataclass
class Answering:
    """A device at the hub; `reply` makes a status and a payload of a method's, or nothing to keep silent."""

    server: RunningServer
    token: str
    paho: PahoDevice
    reply: Callable[[str, dict[str, Any]], tuple[int, Any] | None]
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def answer_one(self) -> None:
        topic, body = self.paho.answers.get(timeout=30)
        method, payload = topic.split("/")[3], json.loads(body)
        self.asked.append((method, payload))
        if answer := self.reply(method, payload):
            said = json.dumps(answer[1]).encode()
            where = f"$iothub/methods/res/{answer[0]}/?$rid={topic.rpartition('$rid=')[2]}"
            self.paho.client.publish(where, said, qos=1)

    def send_bundle(self, request: str, body: bytes) -> int:
        headers = {"Content-Type": "application/zip"}
        return self.server.request(f"/api/diagnostics/{request}", body, token=self.token, headers=headers).status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server"), hub_mqtt="127.0.0.1:0") as server:
        yield server


@pytest.fixture(scope="module")
def told(server: RunningServer) -> dict[str, Any]:
    """What the device was told when it enrolled."""
    return register(server, DEVICE, "till-3")


@pytest.fixture
def device(server: RunningServer, told: dict[str, Any]) -> Iterator[Answering]:
    with paho(told) as connected:
        connected.subscribe(topics.METHODS)
        yield Answering(server, told["api_token"], connected, lambda _, __: (200, {}))


def start(server: RunningServer, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pi_auto.server.cli", "device", *arguments, "--data", str(server.data)]
    # Whoever runs the tests in the background has SIGINT ignored, which programs inherit.
    return subprocess.Popen(
        ["env", "--default-signal=INT", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    said, complained = process.communicate(timeout=60)
    return process.returncode, said, complained


def last_outcome(server: RunningServer) -> tuple[str, str | None]:
    entry = Trail.open(server.data).read()[-1]
    return entry.call.action, entry.ending.outcome if entry.ending else None


def zipped(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("doctor.json", text)
    return file.getvalue()


def test_a_device_is_named_by_its_host_name_and_handed_what_was_asked(
    server: RunningServer, device: Answering
) -> None:
    process = start(server, "identify", "till-3", "--seconds", "7")
    device.answer_one()
    assert ended(process) == (0, f"{DEVICE}: identify: done (200)\n", "")
    assert device.asked == [("identify", {"seconds": 7})]
    assert last_outcome(server) == ("identify", "done")


def test_a_no_of_the_device_is_told_and_fails(server: RunningServer, device: Answering) -> None:
    device.reply = lambda _, __: (429, {"error": "3 reboots within a day"})
    process = start(server, "reboot", DEVICE)
    device.answer_one()
    told = f"pi-auto-server: {DEVICE}: reboot: refused (429): it was asked too often: 3 reboots within a day\n"
    assert ended(process) == (1, "", told)
    assert last_outcome(server) == ("reboot", "refused")


def test_a_device_that_keeps_silent_is_a_timeout(server: RunningServer, device: Answering) -> None:
    device.reply = lambda _, __: None
    code, _, told = ended(start(server, "restart", DEVICE, "--timeout", "1"))
    assert code == 1
    assert f"{DEVICE}: restart: timeout: {DEVICE} has not answered restart within 1 s" in told
    assert last_outcome(server) == ("restart", "timeout")


@pytest.mark.parametrize(("number", "outcome"), [(signal.SIGKILL, None), (signal.SIGINT, "interrupted")])
def test_a_command_that_is_ended_while_it_waits_is_in_the_audit(
    server: RunningServer, device: Answering, number: signal.Signals, outcome: str | None
) -> None:
    device.reply = lambda _, __: None
    process = start(server, "restart", DEVICE)
    device.answer_one()
    process.send_signal(number)
    ended(process)
    assert last_outcome(server) == ("restart", outcome)


def test_diagnostics_come_from_the_device_and_are_saved(
    server: RunningServer, device: Answering, tmp_path: Path
) -> None:
    body, statuses = zipped("all is well"), []
    device.reply = lambda _, __: (200, {"request": "taken"})
    process = start(server, "diagnostics", DEVICE, "--save", str(tmp_path / "till-3.zip"))
    device.answer_one()
    [(method, payload)] = device.asked
    assert (method, list(payload)) == ("diagnostics", ["request"])
    statuses = [device.send_bundle(payload["request"], body) for _ in range(2)]
    code, said, _ = ended(process)
    assert (code, statuses) == (0, [201, 409])
    assert (
        said == f"{DEVICE}: diagnostics: stored: a bundle of {len(body)} bytes, saved as {tmp_path}/till-3.zip\n"
    )
    assert (tmp_path / "till-3.zip").read_bytes() == body
    assert (tmp_path / "till-3.zip").stat().st_mode & 0o777 == 0o600
    assert last_outcome(server) == ("diagnostics", "stored")
    code, listed, _ = ended(start(server, "diagnostics", "till-3", "--list"))
    assert payload["request"] in listed
    code, _, told = ended(start(server, "diagnostics", DEVICE, "--save", str(tmp_path / "till-3.zip")))
    assert (code, "exists; name a new file" in told) == (1, True)


def test_a_bundle_that_does_not_come_is_missing(server: RunningServer, device: Answering) -> None:
    process = start(server, "diagnostics", DEVICE, "--wait", "1")
    device.answer_one()
    code, _, told = ended(process)
    assert code == 1
    assert (
        f"{DEVICE}: diagnostics: missing: the device has answered, and its bundle has not come within 1 s" in told
    )
    assert last_outcome(server) == ("diagnostics", "missing")


def test_a_large_bundle_comes_through_the_real_server_and_a_larger_one_does_not(
    server: RunningServer, device: Answering
) -> None:
    with zipfile.ZipFile(large := io.BytesIO(), "w") as archive:
        archive.writestr("journal", secrets.token_bytes(7_900_000))
    process = start(server, "diagnostics", DEVICE)
    device.answer_one()
    request = device.asked[0][1]["request"]
    assert device.send_bundle(request, large.getvalue() + bytes(1_000_000)) == 413
    assert device.send_bundle(request, large.getvalue()) == 201
    code, said, _ = ended(process)
    assert (code, "a bundle of 7,900,1" in said) == (0, True)


def test_bundles_of_a_device_come_while_others_are_asked(server: RunningServer, device: Answering) -> None:
    """The audit is written by a command while the server reads it for another's bundle."""
    processes = [start(server, "diagnostics", DEVICE) for _ in range(3)]
    for _ in processes:
        device.answer_one()

    def send(request: str) -> None:
        """Again where one is told to come later, as a device does."""
        wait_until(lambda: device.send_bundle(request, zipped("x")) == 201, 30, "the bundle is taken")

    senders = [threading.Thread(target=send, args=(payload["request"],)) for _, payload in device.asked]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert [ended(process)[0] for process in processes] == [0, 0, 0]


@pytest.mark.usefixtures("told")
def test_what_is_asked_wrongly_is_refused_before_anything_is_sent(server: RunningServer) -> None:
    before = len(Trail.open(server.data).read())
    for arguments, words in [
        (("explode", DEVICE), "invalid choice: 'explode' (choose from"),
        (("restart", DEVICE, "--seconds", "5"), "restart takes no --seconds"),
        (("identify", DEVICE, "--seconds", "301"), "'301' is no whole number from 1 to 300"),
        (("set_log_level", DEVICE), "--level is missing"),
        (("restart", "pi-1a2b3c4e"), f"did you mean '{DEVICE}'?"),
    ]:
        code, said, told = ended(start(server, *arguments))
        assert (code != 0, said, words in told) == (True, "", True), told
    assert len(Trail.open(server.data).read()) == before
