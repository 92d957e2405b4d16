"""The bundle that the fleet asks for: made aside by the real doctor, sent to the fleet's own server alone."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.methods.bundling import Doctor, NoBundle
from pi_auto.client.agent.methods.diagnostics import FILE, Diagnostics
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.settings import Settings
from pi_auto.wire.methods import MOST_DIAGNOSTICS
from support import processes
from support.fleet_peer import DIAGNOSTICS, FleetPeer, hang, status
from support.mqtt_peer import MqttPeer
from support.waiting import wait_until

from .conftest import running

REQUEST = "0190b3c4-1111-7000-8000-00000000d1a6"
OTHER = "0190b3c4-2222-7000-8000-00000000d1a6"
PATH = f"{DIAGNOSTICS}{REQUEST}"
TOKEN = "token-0001"


class Quick(Random):
    """Chance that never waits."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - the base class has them
        return 0.0


def writes(content: str) -> list[str]:
    """A doctor's command that writes this, an expression, as its bundle."""
    script = f"import sys, pathlib; pathlib.Path(sys.argv[1].partition('=')[2]).write_bytes({content})"
    return [sys.executable, "-c", script]


def does(script: str) -> list[str]:
    return [sys.executable, "-c", script]


Make = Callable[..., Diagnostics]


@pytest.fixture
def make(tmp_path: Path, server: FleetPeer) -> Iterator[Make]:
    """Diagnostics by some doctor."""
    made: list[Diagnostics] = []
    server.tokens.append(TOKEN)

    def begin(command: list[str], patience: float = 30.0) -> Diagnostics:
        api = ServerApi(Endpoint.of(server.url), 5.0)
        made.append(Diagnostics(tmp_path, Doctor(command, patience), api, lambda: TOKEN, Quick()))
        return made[-1]

    yield begin
    for each in made:
        each.close(5)


def ended(diagnostics: Diagnostics) -> bool:
    return diagnostics._request is None


def test_the_real_bundle_arrives_at_the_server_by_the_hubs_order(
    hub: MqttPeer, server: FleetPeer, settings: Settings
) -> None:
    with running(settings):
        wait_until(lambda: bool(hub.reports), what="the agent to be connected")
        begun = time.monotonic()
        hub.call("diagnostics", "a1", f'{{"request":"{REQUEST}"}}'.encode())
        wait_until(lambda: bool(hub.method_answers), what="the answer")
        assert time.monotonic() - begun < 10
        assert hub.method_answers[0][0] == "$iothub/methods/res/202/?$rid=a1"
        wait_until(lambda: REQUEST in server.bundles, 120, "the bundle to arrive")
        wait_until(lambda: not (settings.agent_folder / FILE).exists(), what="the file to be gone")
    with zipfile.ZipFile(io.BytesIO(server.bundles[REQUEST])) as archive:
        assert archive.testzip() is None
        assert {"doctor.json", "status.json", "left-out.txt"} <= set(archive.namelist())
        everything = b"\n".join(archive.read(name) for name in archive.namelist())
        told = archive.read("left-out.txt").decode()
    assert "made with the rights of the user" in told
    for secret in (*server.tokens, *server.claims.values()):
        assert secret.encode() not in everything


def test_it_is_tried_again_until_the_server_has_it_once(make: Make, server: FleetPeer) -> None:
    server.fail(PATH, status(503), status(500), status(401))
    diagnostics = make(writes("b'PK'"))
    assert diagnostics.method({"request": REQUEST}).status == 202
    wait_until(lambda: ended(diagnostics), what="the end")
    assert server.bundles == {REQUEST: b"PK"}
    assert server.calls(PATH) == 4


@pytest.mark.parametrize(("code", "calls"), [(404, 1), (409, 1), (413, 1), (503, 5)])
def test_what_the_server_never_takes_is_not_sent_for_ever(
    make: Make, server: FleetPeer, tmp_path: Path, code: int, calls: int
) -> None:
    server.always[PATH] = status(code)
    diagnostics = make(writes("b'PK'"))
    diagnostics.method({"request": REQUEST})
    wait_until(lambda: ended(diagnostics), what="the end")
    assert server.calls(PATH) == calls
    assert not (tmp_path / FILE).exists()


def test_there_is_one_at_a_time_and_being_told_twice_makes_one(make: Make) -> None:
    diagnostics = make(does("import sys; sys.stdin.read(); import time; time.sleep(60)"))
    assert diagnostics.method({"request": REQUEST}).status == 202
    assert diagnostics.method({"request": REQUEST}).status == 202
    answer = diagnostics.method({"request": OTHER})
    assert (answer.status, REQUEST in answer.payload["error"]) == (429, True)
    assert threading.active_count() < 20
    diagnostics.close(5)
    assert diagnostics.method({"request": OTHER}).status == 202


def test_a_doctor_that_hangs_is_ended_with_all_it_has_started(make: Make, tmp_path: Path) -> None:
    mark = f"time.sleep(61.{os.getpid()})"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; {mark}'])"
    diagnostics = make(does(child), 1.0)
    diagnostics.method({"request": REQUEST})
    wait_until(lambda: ended(diagnostics), what="the end")
    wait_until(lambda: not processes.pids(mark), what="nothing of it to be left")
    assert not (tmp_path / FILE).exists()


def test_a_doctor_yields_to_everybody(tmp_path: Path) -> None:
    nice = "import time, sys, os, pathlib\nwhile os.getpriority(os.PRIO_PROCESS, 0) != 19: time.sleep(0.01)\n"
    nice += "pathlib.Path(sys.argv[1].partition('=')[2]).touch()"
    Doctor(does(nice), 20.0).write_to(tmp_path / FILE, threading.Event())
    assert (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("command", "patience", "reason"),
    [
        (does("raise SystemExit(2)"), 60.0, "exit code 2"),
        (does("import os; os.abort()"), 60.0, "exit code -6"),
        (does("import time; time.sleep(60)"), 1.0, "within 1 s"),
    ],
)
def test_a_doctor_that_fails_is_told(tmp_path: Path, command: list[str], patience: float, reason: str) -> None:
    with pytest.raises(NoBundle, match=reason):
        Doctor(command, patience).write_to(tmp_path / FILE, threading.Event())


def test_a_bundle_that_is_too_large_is_not_sent(make: Make, server: FleetPeer, tmp_path: Path) -> None:
    diagnostics = make(writes(f"bytes({MOST_DIAGNOSTICS + 1})"))
    diagnostics.method({"request": REQUEST})
    wait_until(lambda: ended(diagnostics), what="the end")
    assert (server.calls(PATH), (tmp_path / FILE).exists()) == (0, False)


def test_what_an_earlier_run_left_behind_is_removed(make: Make, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"left by a power cut")
    make(writes("b'PK'"))
    assert not (tmp_path / FILE).exists()


def test_an_agent_that_stops_waits_for_no_server(make: Make, server: FleetPeer, tmp_path: Path) -> None:
    server.always[PATH] = hang
    diagnostics = make(writes("b'PK'"))
    diagnostics.method({"request": REQUEST})
    wait_until(lambda: server.calls(PATH) == 1, what="the server to be called")
    begun = time.monotonic()
    diagnostics.close(0.5)
    assert time.monotonic() - begun < 2
    assert not (tmp_path / FILE).exists()
