"""A roll-out by the commands alone, before a server that runs, and devices that ask it over TLS."""

from __future__ import annotations

import csv
import http.client
import io
import json
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from pi_auto.server.cli import main
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.times import format_time
from support.administrator import Card
from support.api import NOW
from support.device_keys import DeviceKey
from support.rollout import NEW, OLD, release_row, update_id_of
from support.server import RunningServer, running_server
from support.waiting import wait_until

DEVICE = "pi-1a2b3c4d"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("rollouts"), "--trust", "on", "--https", "127.0.0.1:0", http="off"
    ) as opened:
        books = sqlite3.connect(opened.data / "books.sqlite", timeout=10)
        with books:
            for counter, version in enumerate((OLD, NEW), 1):
                row = release_row(counter, version)
                row["published_at"] = NOW.replace(tzinfo=None).isoformat(" ", "microseconds")
                names = ", ".join(row)
                marks = ", ".join("?" * len(row))
                books.execute(f"INSERT INTO releases ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
        books.close()
        yield opened


@pytest.fixture(scope="module")
def card(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Card:
    """A device that is enrolled."""
    fleet = json.loads(say(server.data, "fleet", "card"))
    opened = Card(server, DeviceKey(tmp_path_factory.mktemp("device")), fleet["fleet_id"])
    assert opened.enrol() == 202
    pending = say(server.data, "enrolment", "pending").split()
    say(server.data, "enrolment", "approve", pending[0], pending[1])
    assert opened.enrol() == 200
    return opened


def say(data: Path, *words: str) -> str:
    """What the command prints."""
    told = io.StringIO()
    with redirect_stdout(told):
        assert main([*words, "--data", str(data)]) == 0
    return told.getvalue().strip()


def refused(data: Path, *words: str, code: int = 2) -> str:
    """Why it was not done."""
    told = io.StringIO()
    with redirect_stderr(told):
        try:
            assert main([*words, "--data", str(data)]) == code
        except SystemExit as error:
            return f"{told.getvalue()}{error.code}"
    return told.getvalue()


def over_tls(server: RunningServer, card: Card, method: str, path: str, body: str = "") -> dict[str, object]:
    """The answer to the device."""
    fleet = FleetCard.from_json(json.loads(say(server.data, "fleet", "card")))
    host, _, port = server.https.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    plain = socket.create_connection((host, int(port)), timeout=20)
    connection.sock = ssl.create_default_context(cadata=fleet.ca).wrap_socket(
        plain, server_hostname=fleet.server_name
    )
    headers = {"Authorization": f"Bearer {card.token}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said: dict[str, object] = json.loads(answer.read())
        assert answer.status == 200, said
        return said
    finally:
        connection.close()


def asks(server: RunningServer, card: Card, version: str = OLD) -> dict[str, object]:
    return over_tls(server, card, "GET", f"/api/ota/check_update?device_id={DEVICE}&current_version={version}")


def tells(server: RunningServer, card: Card, step: str, status: str, **told: object) -> None:
    body: dict[str, object] = {
        "device_id": DEVICE,
        "version": NEW,
        "status": status,
        "step": step,
        "timestamp": format_time(NOW),
    }
    body |= {"update_id": update_id_of(NEW)} | told
    assert over_tls(server, card, "POST", "/api/ota/update_status", json.dumps(body))["status"] == "received"


def test_a_release_comes_to_a_device_by_the_commands_that_the_help_tells_of(
    server: RunningServer, card: Card
) -> None:
    data = server.data
    assert asks(server, card)["has_update"] is False
    assert say(data, "device", "tag", DEVICE, "lab") == f"{DEVICE}: tag lab"
    assert say(data, "device", "group", "till-3", "shops") == f"{DEVICE}: group shops"
    assert "roll-out 1 is planned" in say(data, "rollout", "plan", NEW, "--stages", "tag:lab/1h 100%/1h")
    assert "would take it" in say(data, "rollout", "simulate", "1")
    assert json.loads(say(data, "rollout", "simulate", "1", "--json"))[0]["stage"] == 1
    assert say(data, "rollout", "start", "1") == "roll-out 1 is running"
    offer = asks(server, card)
    assert (offer["latest_version"], offer["file_hash"]) == (NEW, update_id_of(NEW))
    tells(server, card, "downloading", "in_progress", percent=40)
    row = next(csv.DictReader(io.StringIO(say(data, "rollout", "report", "1", "--csv"))))
    assert (row["device_id"], row["step"], row["percent"]) == (DEVICE, "downloading", "40")
    tells(server, card, "rolled_back", "failed", reason="=HYPERLINK(1)")
    assert "=HYPERLINK(1)" in say(data, "rollout", "report", "1")
    row = next(csv.DictReader(io.StringIO(say(data, "rollout", "report", "1", "--csv"))))
    assert row["reason"] == "'=HYPERLINK(1)"
    assert "rolled_back" in say(data, "rollout", "show", "1")
    assert say(data, "rollout", "pause", "1", "--why", "tills beep") == "roll-out 1 is paused"
    assert "tills beep" in say(data, "rollout", "list")
    assert asks(server, card)["has_update"] is False
    assert say(data, "rollout", "resume", "1") == "roll-out 1 is running"
    assert say(data, "rollout", "abort", "1") == "roll-out 1 is aborted"
    assert "rollout abort" in say(data, "audit")


def test_a_pin_and_a_window_by_the_commands(server: RunningServer, card: Card) -> None:
    data = server.data
    assert say(data, "device", "pin", DEVICE, NEW) == f"{DEVICE}: pin {NEW}"
    assert asks(server, card)["latest_version"] == NEW
    assert say(data, "device", "unpin", DEVICE) == f"{DEVICE}: unpin"
    nightly = ("--days", "mon-fri", "--from", "22:00", "--to", "05:00", "--zone", "Europe/Rome")
    said = say(data, "rollout", "window", "--group", "shops", *nightly)
    assert said.split() == ["group", "shops", "mon,tue,wed,thu,fri", "22:00-05:00", "Europe/Rome"]
    assert say(data, "rollout", "window") == said
    assert "no maintenance windows" in say(data, "rollout", "window", "--group", "shops", "--remove")
    assert say(data, "device", "group", DEVICE, "--remove") == f"{DEVICE}: group removed"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rollout", "plan", "9.9"), "version is '9.9'"),
        (("rollout", "plan", NEW, "--stages", "half"), "stages[0] is 'half'"),
        (("rollout", "start", "77"), "rollout is 77"),
        (("device", "pin", DEVICE), "pin takes one word"),
        (("device", "unpin", DEVICE, "--remove"), "unpin takes no --remove"),
        (("device", "restart", DEVICE, "lab"), "restart takes no word"),
        (("rollout", "window", "--days", "mon", "--from", "25:00", "--to", "03:00"), "--from is '25:00'"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(server: RunningServer, words: tuple[str, ...], said: str) -> None:
    assert said in refused(server.data, *words)


def test_a_server_that_runs_moves_a_rollout_on_by_itself(server: RunningServer) -> None:
    say(server.data, "rollout", "plan", NEW, "--stages", "tag:nobody 100%/1h")
    number = say(server.data, "rollout", "list").splitlines()[1].split()[0]
    say(server.data, "rollout", "start", number)

    def stage() -> bool:
        return bool(json.loads(say(server.data, "rollout", "show", number, "--json"))["stage"] == 2)

    wait_until(stage, 40, "a stage without devices is passed by")
    say(server.data, "rollout", "abort", number)


def test_at_once_is_asked_for_twice(server: RunningServer, card: Card) -> None:
    data = server.data
    say(data, "rollout", "plan", NEW, "--stages", "1%/1d")
    number = say(data, "rollout", "list").splitlines()[1].split()[0]
    assert "--yes" in refused(data, "rollout", "start", number, "--at-once")
    assert say(data, "rollout", "start", number, "--at-once", "--yes") == f"roll-out {number} is running"
    assert asks(server, card)["mandatory"] is True


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["rollout", "--help"])
    told = capsys.readouterr().out
    assert "rollout simulate 3" in told
    assert "pauses by itself" in told
