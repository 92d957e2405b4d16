"""The supervisor over real processes: small scripts that do what capture and agent do, live and die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.processes import kill, pids
from support.waiting import wait_until

CHILD = """
import sys, time
from pi_auto.client import lifeline
lifeline.hold()
print(f"{sys.argv[1]} ready: {sys.argv[1]}=up", flush=True)
print("a line of its own", flush=True)
time.sleep(600)
"""
GIVES_UP = "import sys; sys.exit('the folder cannot be used')"
DEAF = CHILD.replace("import sys, time", "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)")
SUPERVISOR = """
import sys
from pi_auto.client.supervisor import Supervisor
first, second, mark = sys.argv[1:]
scripts = {"capture": first, "agent": second}
commands = {name: [sys.executable, "-c", script, name, mark] for name, script in scripts.items()}
sys.exit(Supervisor(commands, lambda facts: print("all ready:", *sorted(facts.items()), flush=True)).run())
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """A word that stands in the command lines of this test's processes alone."""
    return str(tmp_path)


@pytest.fixture
def start(mark: str) -> Iterator[Start]:
    started = []

    def supervisor(first: str = CHILD, second: str = CHILD) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SUPERVISOR, first, second, mark]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield supervisor
    for process in started:
        process.kill()
        process.communicate()
    kill(pids(mark))


def children(supervisor: subprocess.Popen[str], mark: str, name: str) -> list[int]:
    return [pid for pid in pids(f" {name} {mark}") if pid != supervisor.pid]


def wait_until_ready(supervisor: subprocess.Popen[str]) -> list[str]:
    """The lines up to the ready line."""
    assert supervisor.stdout is not None
    lines = []
    for line in supervisor.stdout:
        lines.append(line)
        if line.startswith("all ready:"):
            return lines
    raise AssertionError(f"never ready: {lines}")


def test_it_is_ready_once_all_are_and_tells_what_they_said(start: Start) -> None:
    assert wait_until_ready(start())[-1] == "all ready: ('agent', 'up') ('capture', 'up')\n"


@pytest.mark.parametrize("name", ["capture", "agent"])
def test_a_killed_child_is_back_at_once_and_the_other_is_left_alone(start: Start, mark: str, name: str) -> None:
    supervisor = start()
    wait_until_ready(supervisor)
    other = "agent" if name == "capture" else "capture"
    (neighbour,) = children(supervisor, mark, other)
    for _ in range(3):
        (victim,) = wait_until(lambda: children(supervisor, mark, name), what=f"a {name}")
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda gone=victim: set(children(supervisor, mark, name)) - {gone}, what="another one")  # type: ignore[misc]
        assert time.monotonic() - began < 3
    assert children(supervisor, mark, other) == [neighbour]


TALKS = CHILD.replace("time.sleep(600)", "[print('x' * 50, flush=True) for _ in range(2000)]; time.sleep(600)")


def test_the_lines_of_two_children_never_mix(start: Start) -> None:
    supervisor = start(TALKS, TALKS)
    assert supervisor.stdout is not None
    lines = [supervisor.stdout.readline() for _ in range(4003)]
    assert lines.count("x" * 50 + "\n") == 4000
    assert sum(line.startswith("all ready:") for line in lines) == 1


def test_nobody_reading_its_output_ends_no_child(start: Start, mark: str, tmp_path: Path) -> None:
    said = tmp_path / "said"
    talks = CHILD.replace("time.sleep(600)", f"open({str(said)!r}, 'w').close(); time.sleep(600)")
    supervisor = start(CHILD, talks)
    assert supervisor.stdout is not None
    supervisor.stdout.close()
    wait_until(said.exists, what="the agent has said all it has to say")
    (first,) = wait_until(lambda: children(supervisor, mark, "agent"), what="an agent")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: set(children(supervisor, mark, "agent")) - {first}, what="another one")


def test_a_line_that_only_looks_ready_is_passed_on(start: Start) -> None:
    supervisor = start(CHILD.replace("a line of its own", "not yet ready: it's early"))
    assert supervisor.stdout is not None
    lines = [supervisor.stdout.readline() for _ in range(3)]
    assert "not yet ready: it's early\n" in lines


def test_a_program_that_is_missing_for_a_while_is_started_when_it_is_back(tmp_path: Path) -> None:
    program = tmp_path / "program"
    missing = SUPERVISOR.replace('[sys.executable, "-c", script, name, mark]', "[script, name, mark]")
    process = subprocess.Popen(
        [sys.executable, "-c", missing, str(program), str(program), str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        assert "cannot be started (No such file or directory)" in process.stderr.readline()
        written = tmp_path / "written"
        written.write_text(f"#!{sys.executable}\n{CHILD}")
        written.chmod(0o700)
        written.rename(program)
        assert wait_until_ready(process)
        process.terminate()
        process.communicate()


def test_it_stops_both_on_sigterm(start: Start, mark: str) -> None:
    supervisor = start()
    wait_until_ready(supervisor)
    supervisor.terminate()
    assert supervisor.wait(5) == 0
    assert pids(mark) == []


def test_a_child_that_does_not_listen_is_stopped_by_force_within_five_seconds(start: Start, mark: str) -> None:
    supervisor = start(DEAF)
    wait_until_ready(supervisor)
    supervisor.terminate()
    assert supervisor.wait(6) == 0
    assert pids(mark) == []


@pytest.mark.parametrize("when", ["at once", "when ready"])
def test_a_killed_supervisor_leaves_no_orphans(start: Start, mark: str, when: str) -> None:
    supervisor = start()
    wait_until(lambda: children(supervisor, mark, "agent"), what="a child")
    if when == "when ready":
        wait_until_ready(supervisor)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not pids(mark), what="the children to go")


def test_a_child_that_gives_up_at_the_start_ends_it_all_with_a_reason(start: Start, mark: str) -> None:
    supervisor = start(GIVES_UP)
    _, errors = supervisor.communicate(timeout=10)
    assert supervisor.returncode == 1
    assert "the folder cannot be used" in errors
    assert pids(mark) == []
