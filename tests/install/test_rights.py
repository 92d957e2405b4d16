"""Two users share two folders: each does its work, and can do nothing of the other's.

Real processes under real user ids, in folders as the tmpfiles rules make them and under the
units' file masks. Needs root.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / "install/system/etc"
PYTHON = next(
    (path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(path).exists()), sys.executable
)
CAPTURE, AGENT = 64101, 64102  # nobody's
MASKS = {65534: 0o022} | {
    user: int(re.search(r"^UMask=(\d+)$", unit.read_text(), re.MULTILINE)[1], 8)  # type: ignore[index]
    for user, unit in {
        CAPTURE: RULES / "systemd/system/pi-auto-capture.service",
        AGENT: RULES / "systemd/system/pi-auto-client.service",
    }.items()
}
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two users")

FILL = """
from support.spools import filled
spool = filled(Path("capture"), "one", "two")
"""
READ = """
from support.spools import held, texts
print(*texts(held(Path("capture"))))
"""
MARK = """
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.wire.ids import Position
marks = Marks(Path("agent/marks.sqlite"))
with SpoolReader(Path("capture")) as reader:
    for way in ("api", "hub"):
        marks.set_active(way, True)
        marks.advance(way, Position(reader.uuid(), 2))
"""
SETTLED = """
from pi_auto.client.spool.settled import acknowledged, settled_everywhere
from pi_auto.client.spool.reader import SpoolReader
with SpoolReader(Path("capture")) as reader:
    print(settled_everywhere(Path("agent/marks.sqlite"), reader.uuid()),
          acknowledged(Path("agent/marks.sqlite"), reader.uuid()))
"""
WAIT = "import sys, time; print('ready', flush=True); sys.stdin.read()\n"


@pytest.fixture(scope="module")
def open_to_all() -> Iterator[Path]:
    """A folder that every user can enter, with the code in it; pytest's own is root's alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("src/pi_auto", "tests/support"):
            shutil.copytree(ROOT / part, folder / "code" / Path(part).name)
        subprocess.run(["chmod", "-R", "a+rX", str(folder / "code")], check=True)
        yield folder


@pytest.fixture
def state(open_to_all: Path) -> Path:
    """The state folder, as tmpfiles.d/pi-auto-client.conf describes it."""
    state = Path(tempfile.mkdtemp(dir=open_to_all))
    state.chmod(0o755)
    users = {"root": 0, "pi-auto": AGENT, "pi-auto-capture": CAPTURE}
    for line in (RULES / "tmpfiles.d/pi-auto-client.conf").read_text().splitlines():
        kind, path, mode, user, group = (line.split() + [""] * 5)[:5]
        if kind == "d":
            folder = state / Path(path).relative_to("/var/lib/pi-auto-client")
            folder.mkdir(exist_ok=True)
            os.chown(folder, users[user], users[group])
            folder.chmod(int(mode, 8))
    return state


def start(user: int, state: Path, script: str) -> subprocess.Popen[str]:
    """A process of one of the two users in `state`; it is in no group but its own."""
    path = f"import sys; sys.path[:0] = [{str(state.parent / 'code')!r}]; from pathlib import Path\n"
    return subprocess.Popen(
        [PYTHON, "-B", "-c", path + script], cwd=state, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        user=user, group=user, extra_groups=[], umask=MASKS[user],
    )  # fmt: skip


def ask(user: int, state: Path, script: str) -> str:
    """What a script says, run by a user; its error if it fails."""
    with start(user, state, script) as process:
        out, err = process.communicate(timeout=30)
    return out.strip() if process.returncode == 0 else err.strip().splitlines()[-1]


@pytest.fixture
def running(state: Path) -> Iterator[Path]:
    """Both at work: capture has stored two scans, the agent has delivered them."""
    with start(CAPTURE, state, FILL + WAIT) as capture:
        assert capture.stdout is not None
        assert capture.stdout.readline() == "ready\n", capture.stderr and capture.stderr.read()
        with start(AGENT, state, MARK + WAIT) as agent:
            assert agent.stdout is not None
            assert agent.stdout.readline() == "ready\n", agent.stderr and agent.stderr.read()
            yield state
            agent.communicate("")
        capture.communicate("")


def test_the_agent_reads_what_capture_stored(running: Path) -> None:
    assert ask(AGENT, running, READ) == "one two"


def test_capture_reads_what_the_agent_has_settled(running: Path) -> None:
    assert ask(CAPTURE, running, SETTLED) == "2 2"


PLANTED = {
    "a pipe": "import os; os.remove('agent/marks.sqlite'); os.mkfifo('agent/marks.sqlite')",
    "a link to what capture alone can read": (
        "import os; os.remove('agent/marks.sqlite'); os.symlink('../capture/spool.sqlite', 'agent/marks.sqlite')"
    ),
    "nothing that capture may read": "import os; os.chmod('agent/marks.sqlite', 0)",
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_whatever_the_agents_user_plants_for_its_marks_keeps_capture_waiting_for_nothing(
    running: Path, planted: str
) -> None:
    assert ask(AGENT, running, planted) == ""
    assert ask(CAPTURE, running, SETTLED) == "None 0"


def test_the_agent_reads_on_after_capture_was_killed(state: Path) -> None:
    with start(CAPTURE, state, FILL + WAIT) as capture:
        assert capture.stdout is not None
        assert capture.stdout.readline() == "ready\n"
        capture.kill()
        capture.communicate()
    assert ask(AGENT, state, READ) == "one two"


def test_the_agent_reads_on_while_capture_rests_and_when_it_is_back(state: Path) -> None:
    assert ask(CAPTURE, state, FILL + "spool.close()") == ""
    assert not (state / "capture/spool.sqlite-wal").exists()
    watch = (
        "import sys\nfrom pi_auto.client.spool.reader import SpoolReader\nreader = SpoolReader(Path('capture'))\n"
        "for _ in sys.stdin: print(reader.newest(), flush=True)\nreader.close()"
    )
    with start(AGENT, state, watch) as agent:
        assert newest(agent) == "2"
        with start(CAPTURE, state, FILL + WAIT) as capture:
            assert capture.stdout is not None
            assert capture.stdout.readline() == "ready\n"
            assert newest(agent) == "4"
            capture.kill()
            capture.communicate()
        assert newest(agent) == "4"
        agent.communicate()


def newest(agent: subprocess.Popen[str]) -> str:
    """The newest number that a waiting reader finds now."""
    assert agent.stdin is not None
    assert agent.stdout is not None
    agent.stdin.write("\n")
    agent.stdin.flush()
    return agent.stdout.readline().strip()


def test_capture_knows_the_marks_of_an_agent_that_was_stopped_in_order(state: Path) -> None:
    with start(CAPTURE, state, FILL + WAIT) as capture:
        assert capture.stdout is not None
        assert capture.stdout.readline() == "ready\n"
        assert ask(AGENT, state, MARK + "marks.close()") == ""
        assert not (state / "agent/marks.sqlite-wal").exists()
        assert ask(CAPTURE, state, SETTLED) == "2 2"
        capture.communicate("")


def test_capture_rings_at_the_agent(state: Path) -> None:
    wait = (
        "from pi_auto.client.spool.doorbell import Bell\nbell = Bell(Path('agent/wake.sock'))\n"
        "print('ready', flush=True); print(bell.wait(10))"
    )
    with start(AGENT, state, wait) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "ready\n"
        ask(CAPTURE, state, "from pi_auto.client.spool.doorbell import ring; ring(Path('agent/wake.sock'))")
        assert agent.stdout.readline() == "True\n"


@pytest.mark.parametrize("bell", ["SENT", "IDENTIFY"])
def test_the_agent_rings_at_capture_and_nobody_else_can(state: Path, bell: str) -> None:
    wait = (
        f"from pi_auto.client.spool.doorbell import {bell}, Bell\n"
        f"bell = Bell(Path('capture') / {bell}, mode=0o660)\n"
        "print('ready', flush=True); print(bell.wait(1)); print(bell.wait(10))"
    )
    rings = f"from pi_auto.client.spool.doorbell import {bell}, ring; ring(Path('capture') / {bell})"
    with start(CAPTURE, state, wait) as capture:
        assert capture.stdout is not None
        assert capture.stdout.readline() == "ready\n"
        ask(65534, state, rings)
        assert capture.stdout.readline() == "False\n"
        ask(AGENT, state, rings)
        assert capture.stdout.readline() == "True\n"


def test_a_spool_begun_anew_can_be_read_as_well(state: Path) -> None:
    ask(CAPTURE, state, "from support.spools import filled; filled(Path('capture'), 'one').close()")
    (state / "capture/spool.sqlite").write_bytes(b"rubbish" * 1000)
    again = "from support.spools import filled; spool = filled(Path('capture'), 'new')\n"
    with start(CAPTURE, state, again + WAIT) as capture:
        assert capture.stdout is not None
        assert capture.stdout.readline() == "ready\n"
        assert ask(AGENT, state, READ) == "new"
        assert "set-aside" in ask(AGENT, state, "import os; print(os.listdir('capture'))")
        capture.communicate("")


TELL = "from pi_auto.client.bulletin import Bulletin; Bulletin(Path({!r})).post('topic', 'news')\n"
HEAR = "from pi_auto.client.bulletin import posts_in; print(posts_in(Path({!r}))['topic'].news)"


@pytest.mark.parametrize(("teller", "folder"), [(CAPTURE, "capture"), (AGENT, "agent")])
def test_what_either_tells_the_other_hears_and_nobody_else(state: Path, teller: int, folder: str) -> None:
    with start(teller, state, TELL.format(folder) + WAIT) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        for user in (CAPTURE, AGENT):
            assert ask(user, state, HEAR.format(folder)) == "news"
        assert ask(65534, state, HEAR.format(folder)).startswith("PermissionError")
        program.communicate("")


def test_the_agents_user_sees_live_what_capture_stores(state: Path) -> None:
    tell = TELL.format("capture") + "from support.stored import StoredScans; scans = StoredScans(Path('.'))\n"
    store = "import sys; print('ready', flush=True)\nfor line in sys.stdin: scans.scan(line.strip())\n"
    follow = (
        "from pi_auto.client.settings import Settings; from pi_auto.client.status.trying import try_scanners\n"
        "try_scanners(Settings(state=Path('.')), 10)"
    )
    with start(CAPTURE, state, tell + store) as capture:
        assert capture.stdout is not None
        assert capture.stdin is not None
        assert capture.stdout.readline() == "ready\n"
        with start(AGENT, state, follow) as following:
            assert following.stdout is not None
            assert following.stdout.readline().startswith("Scan something")
            capture.stdin.write("4006381333931\n")
            capture.stdin.flush()
            assert "'4006381333931' (13 characters)" in following.stdout.readline()
            following.terminate()
            following.communicate()
        capture.communicate()


SECRET = "from pi_auto.files import write_whole; write_whole(Path('agent/identity.json'), 'secret', mode=0o600)"
DEEDS = {
    "the agent writes the spool": (AGENT, "open('capture/spool.sqlite', 'ab')"),
    "the agent adds a file beside the spool": (AGENT, "open('capture/spool.sqlite-journal', 'wb')"),
    "the agent removes the spool": (AGENT, "Path('capture/spool.sqlite').unlink()"),
    "the agent takes capture's lock": (AGENT, "open('capture/capture.lock', 'ab')"),
    "capture reads the identity": (CAPTURE, "open('agent/identity.json')"),
    "capture lists the agent's folder": (CAPTURE, "list(Path('agent').iterdir())"),
    "capture writes the marks": (CAPTURE, "open('agent/marks.sqlite', 'ab')"),
    "capture adds a file of its own": (CAPTURE, "open('agent/identity.json.new', 'wb')"),
    "capture removes the identity": (CAPTURE, "Path('agent/identity.json').unlink()"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_neither_can_do_what_is_the_others(running: Path, deed: str) -> None:
    assert ask(AGENT, running, SECRET) == ""
    ask(CAPTURE, running, "open('capture/capture.lock', 'ab')")
    user, script = DEEDS[deed]
    assert ask(user, running, script).startswith("PermissionError")
