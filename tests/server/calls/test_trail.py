from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from pi_auto.server.calls.audit import as_json, as_line, since
from pi_auto.server.calls.tables import entries
from pi_auto.server.calls.trail import AUDIT, Call, Ending, Trail
from pi_auto.server.calls.who import who
from pi_auto.server.errors import AuditError
from support.api import NOW
from support.processes import kill
from support.waiting import wait_until

RESTART = Call("0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11", "alice", "restart", "pi-1", {})
LEVEL = Call("0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c12", "bob", "set_log_level", "pi-2", {"level": "DEBUG"})
DONE = Ending("done", 200, '{"within_seconds": 1.0}')


def test_a_call_is_noted_before_it_has_an_outcome_and_again_with_it(tmp_path: Path) -> None:
    trail = Trail.open(tmp_path)
    trail.note(RESTART, NOW)
    assert [(entry.call, entry.ending) for entry in Trail.open(tmp_path).read()] == [(RESTART, None)]
    trail.note_ending(RESTART, DONE, NOW + timedelta(seconds=1))
    [entry] = Trail.open(tmp_path).read()
    assert (entry.ending, entry.at, entry.ended_at) == (DONE, NOW, NOW + timedelta(seconds=1))
    assert Trail.open(tmp_path).find(RESTART.call) == entry
    assert trail.find(LEVEL.call) is None


def test_calls_are_found_by_device_and_time(tmp_path: Path) -> None:
    trail = Trail.open(tmp_path)
    trail.note(RESTART, NOW)
    trail.note(LEVEL, NOW + timedelta(hours=1))
    assert [entry.call for entry in trail.read()] == [RESTART, LEVEL]
    assert [entry.call for entry in trail.read(device_id="pi-2")] == [LEVEL]
    assert [entry.call for entry in trail.read(since=NOW + timedelta(minutes=1))] == [LEVEL]


@pytest.mark.parametrize("statement", ["DELETE FROM audit_entries", "UPDATE audit_entries SET who = 'nobody'"])
def test_nothing_that_is_noted_can_be_changed_or_removed(tmp_path: Path, statement: str) -> None:
    Trail.open(tmp_path).note(RESTART, NOW)
    with (
        sqlite3.connect(tmp_path / AUDIT) as shell,
        pytest.raises(sqlite3.IntegrityError, match="only ever added"),
    ):
        shell.execute(statement)
    shell.close()
    assert len(Trail.open(tmp_path).read()) == 1


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    Trail.open(tmp_path).note(RESTART, NOW)
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_a_command_that_is_killed_while_it_waits_has_been_noted(tmp_path: Path) -> None:
    script = (
        "import sys, time; from datetime import UTC, datetime; from pathlib import Path\n"
        "from pi_auto.server.calls.trail import Call, Trail\n"
        "Trail.open(Path(sys.argv[1])).note(Call('x', 'alice', 'reboot', 'pi-1', {}), datetime.now(UTC))\n"
        "print('noted', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"noted\n"
        process.send_signal(signal.SIGKILL)
    [entry] = Trail.open(tmp_path).read()
    assert (entry.call.action, entry.ending) == ("reboot", None)


def test_several_processes_note_beside_each_other_and_kills_spoil_nothing(tmp_path: Path) -> None:
    script = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from pi_auto.server.calls.trail import Call, Trail\n"
        "trail = Trail.open(Path(sys.argv[1]))\n"
        "for n in range(10**6):\n"
        "    trail.note(Call(f'{sys.argv[2]}-{n}', 'alice', 'reboot', 'pi-1', {}), datetime.now(UTC))\n"
        "    print(n, flush=True)\n"
    )
    logs = [tmp_path / f"{n}.log" for n in range(3)]
    data = tmp_path / "data"
    data.mkdir()
    running = []
    for number, log in enumerate(logs):
        with log.open("wb") as output:
            command = [sys.executable, "-c", script, str(data), str(number)]
            running.append(subprocess.Popen(command, stdout=output))
    wait_until(lambda: all(len(log.read_text().split()) > 5 for log in logs), 60, "each has noted some")
    kill([process.pid for process in running])
    for process in running:
        process.wait()
    noted = {entry.call.call for entry in Trail.open(data).read()}
    told = {f"{n}-{line}" for n, log in enumerate(logs) for line in log.read_text().split("\n")[:-1]}
    assert told <= noted


def test_an_audit_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=r"audit\.sqlite cannot be opened: No such file"):
        Trail.open(tmp_path / "nowhere")
    (tmp_path / AUDIT).write_bytes(b"nonsense" * 100)
    with pytest.raises(AuditError, match="not a database"):
        Trail.open(tmp_path)


def test_postgresql_takes_the_same_table() -> None:
    said = str(CreateTable(entries).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "id BIGSERIAL NOT NULL" in said
    assert "at TIMESTAMP WITH TIME ZONE NOT NULL" in said


def test_an_entry_is_one_line_that_no_text_can_break(tmp_path: Path) -> None:
    trail = Trail.open(tmp_path)
    trail.note(Call("x", "ali\nce", "restart", "pi-\x1b[31m\ud800\0", {"a": "\u202e"}), NOW)
    trail.note_ending(Call("x", "", "", ""), Ending("done", 200, "two\nlines"), NOW)
    line = as_line(trail.read()[0])
    assert line.isprintable()
    assert line.startswith("2026-11-23 12:05:00 UTC  ali\\nce  pi-\\x1b[31m")
    assert line.endswith("done: two\\nlines")


def test_an_entry_as_json_has_all_of_it(tmp_path: Path) -> None:
    trail = Trail.open(tmp_path)
    trail.note(LEVEL, NOW)
    told = as_json(trail.read()[0])
    assert told == {
        "kind": "call", "id": LEVEL.call, "at": "2026-11-23T12:05:00.000Z", "who": "bob", "device_id": "pi-2",
        "action": "set_log_level", "payload": {"level": "DEBUG"},
        "outcome": None, "status": None, "said": None, "ended_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("2h", 7200), ("7d", 604_800), ("2026-11-23T12:04:00Z", 60), ("2026-11-23", 43_500)],
)
def test_a_time_may_be_written_as_such_or_as_so_long_ago(text: str, seconds: int) -> None:
    assert since(text, NOW) == NOW - timedelta(seconds=seconds)


def test_who_is_the_user_of_the_system_and_who_is_behind_sudo() -> None:
    name = who({})
    assert name
    behind = who({"SUDO_USER": "alice"})
    assert behind == (f"{name} (sudo by alice)" if os.getuid() == 0 else name)
