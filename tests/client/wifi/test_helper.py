"""The helper as a program behind its door, as systemd starts it, with the agent's part beside it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pi_auto.client.wifi.attempt import Attempt, tell, under_way
from pi_auto.client.wifi.door import hand_over
from pi_auto.client.wifi.outcomes import Outcome
from pi_auto.client.wifi.policy import Facts
from pi_auto.client.wifi.telling import forget, show
from support.network_manager import is_possible, network_manager
from support.waiting import wait_until
from support.wifi import NEW, Rig

with_manager = pytest.mark.skipif(not is_possible(), reason="needs dbus-daemon and python3-dbusmock of Debian")
PASSWORD, NAME = "canary-Pa55", "canary-net"
AIR = {NAME: {"password": PASSWORD}}
CODE = f"WIFI:T:WPA;S:{NAME};P:{PASSWORD};;"


@with_manager
def test_a_scanned_network_is_joined_proven_and_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rig = Rig(tmp_path)
    with network_manager(tmp_path, air=AIR, known=["office"]) as air:
        said = rig.follow(CODE)
        assert said[-1] is Outcome.JOINED
        assert set(said[:-1]) == {Outcome.TRYING}
        assert len([each for each in air.now()["profiles"].values() if each["saved"]]) == 2
        assert rig.asked == ["wlan0"]
        assert show(as_json=True) == 0
        assert json.loads(capfd.readouterr().out)["networks"] == [NAME]
        assert forget() == 0
        assert list(air.now()["profiles"]) == ["known-office"]


@with_manager
def test_where_the_agent_does_not_get_home_it_is_undone(tmp_path: Path) -> None:
    rig = Rig(tmp_path, home=False)
    with network_manager(tmp_path, air=AIR, known=["office"]) as air:
        assert rig.follow(CODE)[-1] is Outcome.NO_SERVER
        assert (air.now()["used"], list(air.now()["profiles"])) == ("known-office", ["known-office"])
    assert "wlan0" in rig.asked


@pytest.mark.parametrize(
    ("code", "facts", "outcome"),
    [
        (CODE, Facts(switched_on=True, enrolled=True, has_network=True, uptime=999.0), Outcome.NOT_NOW),
        (CODE, Facts(switched_on=False, enrolled=False, has_network=False, uptime=1.0), Outcome.OFF),
        (f"WIFI:S:{NAME};;", Facts(switched_on=True, enrolled=True, has_network=False, uptime=9.0), Outcome.OPEN),
        ("WIFI:T:WPA;S:x", NEW, Outcome.UNREADABLE),
        ("WIFI:" + "x" * 3000, NEW, Outcome.UNREADABLE),
        ("WIFI:T:WPA2-EAP;S:x;I:me;P:password;;", NEW, Outcome.UNSUPPORTED),
        (CODE, NEW, Outcome.NO_MANAGER),
    ],
)
def test_what_may_not_or_cannot_be_followed_is_refused_by_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, facts: Facts, outcome: Outcome
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    assert Rig(tmp_path, facts).follow(code) == [outcome]


@contextmanager
def started(folder: Path) -> Iterator[tuple[Path, Path]]:
    """The helper as a process, with a door handed over as systemd does; the door, and what it writes."""
    settings, log = folder / "client.json", folder / "log"
    settings.write_text(json.dumps({"state": str(folder)}))
    door = folder / "door"
    with socket.socket(socket.AF_UNIX) as listening, log.open("wb") as written:
        listening.bind(str(door))
        listening.listen()
        start = (
            f"import os, sys; os.dup2({listening.fileno()}, 3)\n"
            "os.environ |= dict(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), RUNTIME_DIRECTORY=sys.argv[2])\n"
            "from pi_auto.client.cli import main\n"
            "sys.exit(main(['wifi-helper', '--config', sys.argv[1]]))"
        )
        command = [sys.executable, "-c", start, str(settings), str(folder)]
        process = subprocess.Popen(command, pass_fds=[listening.fileno()], stdout=written, stderr=written)
        try:
            yield door, log
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()


@with_manager
def test_of_a_wrong_password_no_file_line_or_process_tells(tmp_path: Path) -> None:
    secret = "canary-of-this-test"  # not of one that runs beside it
    world = {NAME: {"password": "another"}}
    (tmp_path / "bus").mkdir()
    with network_manager(tmp_path / "bus", air=world) as air, started(tmp_path) as (door, log):
        seen, words = list[bytes](), list[Outcome]()
        for word in hand_over(CODE.replace(PASSWORD, secret), door):
            seen += command_lines()
            words.append(word)
        assert words[-1] is Outcome.WRONG_PASSWORD
        assert air.now()["profiles"] == {}
    assert not any(secret.encode() in each for each in seen)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert secret.encode() not in path.read_bytes(), path
    assert NAME not in log.read_text()


def command_lines() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


def test_by_hand_it_says_who_starts_it() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")}
    code = "import sys; from pi_auto.client.cli import main; sys.exit(main(['wifi-helper']))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 2
    assert "pi-auto-wifi.socket" in done.stderr


def test_nobody_is_asked_while_nothing_is_on_trial(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.proof.look()
    assert under_way(tmp_path) is None
    tell(Attempt("uuid", "wlan0", "/"), tmp_path)  # it is not up: the former network is still there
    rig.proof.look()
    assert rig.asked == []
    tell(Attempt("uuid", "wlan0", "/", is_up=True), tmp_path)
    rig.proof.look()
    wait_until(lambda: rig.asked == ["wlan0"])
