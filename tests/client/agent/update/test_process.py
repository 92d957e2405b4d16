"""The fetcher as a process: bounded, silent about the token, and of nothing that has to be installed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_auto.client.agent.update.child import fetch
from pi_auto.client.agent.update.job import FAILED, LATER, NEXT_ROUND, READY, REFUSED, UNAUTHORIZED, Job, News
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.proxy import Proxy
from support.faked_clock import FakedClock, can_be_built
from support.releases import release_of
from support.signed_fleet import DOWNLOAD, METADATA, SignedFleet, cut_after, drip, status
from support.waiting import wait_until

TOKEN = "a-token-that-nobody-sees"
ARCHIVE = bytes(range(256)) * 500
BARE = next(
    (path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(path).exists()), sys.executable
)


@pytest.fixture
def fleet() -> Iterator[SignedFleet]:
    with SignedFleet() as started:
        yield started


@pytest.fixture
def job(tmp_path: Path, fleet: SignedFleet) -> Job:
    return Job(tmp_path / "update", fleet.endpoint, fleet.trusted, TOKEN, fleet.release("0.2.0", ARCHIVE))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The present code unpacked, as it runs on a device."""
    folder = tmp_path_factory.mktemp("release")
    archive = folder / "pi_auto_client.py"
    archive.write_bytes(release_of("0.1.9"))
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "app")
    return folder / "app"


def silent(_: News) -> None:
    """Whom no news interest."""


def test_a_job_goes_through_the_pipe_as_it_is(job: Job, tmp_path: Path) -> None:
    endpoint = Endpoint(True, "fleet:5443", ("192.0.2.7", 5443), "x.pi-auto", "PEM", Proxy("proxy", 3128), "wlan0")
    for one in (job, replace(job, endpoint=endpoint, offer=None, card={"format": 1})):
        assert Job.from_line(one.to_line()) == one
    by_file = replace(job, endpoint=replace(endpoint, ca=tmp_path / "ca.pem", proxy=None))
    assert Job.from_line(by_file.to_line()) == by_file


def test_the_release_fetches_with_nothing_installed_beside_it(job: Job, release: Path) -> None:
    told: list[News] = []
    last = fetch(job, told.append, [BARE, "-I", "-S", str(release), "update-fetch"])
    assert last.step == READY, last
    assert (job.folder / "ready/archive").read_bytes() == ARCHIVE
    assert told[-1] == last


def test_a_signature_that_is_wrong_is_seen_without_cryptography_too(
    job: Job, release: Path, fleet: SignedFleet
) -> None:
    text = fleet.files["2.targets.json"]
    at = text.index(b'"sig":"') + 7
    fleet.files["2.targets.json"] = text[:at] + (b"0" if text[at : at + 1] != b"0" else b"1") + text[at + 1 :]
    last = fetch(job, silent, [BARE, "-I", "-S", str(release), "update-fetch"])
    assert (last.step, last.kind) == (FAILED, REFUSED)
    assert "not to be believed" in last.reason


@pytest.mark.skipif(not can_be_built(), reason="no C compiler")
@pytest.mark.parametrize(("year", "step"), [(1970, READY), (2024, READY), (2099, FAILED)])
def test_a_clock_that_stands_in_the_past_takes_a_release_and_one_in_the_future_says_what_has_expired(
    job: Job, release: Path, tmp_path: Path, year: int, step: str
) -> None:
    clock = FakedClock(tmp_path)
    clock.set(datetime(year, 1, 2, tzinfo=UTC))
    with clock.for_what_is_started():
        last = fetch(job, silent, [BARE, "-I", "-S", str(release), "update-fetch"])
    assert last.step == step, last
    assert ("expired" in last.reason) == (step == FAILED)


@pytest.mark.parametrize(
    ("path", "code", "kind"),
    [(DOWNLOAD, 401, UNAUTHORIZED), (DOWNLOAD, 410, NEXT_ROUND), (f"{METADATA}timestamp.json", 503, LATER)],
)
def test_how_it_failed_comes_through_the_pipe(
    job: Job, fleet: SignedFleet, path: str, code: int, kind: str
) -> None:
    fleet.faults[path] = status(code, Retry_After="99")
    last = fetch(job, silent)
    assert (last.step, last.kind) == (FAILED, kind)
    assert last.retry_after == (99.0 if kind == LATER else 0.0)


def test_one_that_takes_too_long_is_ended(job: Job, fleet: SignedFleet) -> None:
    fleet.faults[f"{METADATA}timestamp.json"] = drip
    began = time.monotonic()
    last = fetch(job, silent, longest=3.0)
    assert (last.step, last.kind) == (FAILED, LATER)
    assert time.monotonic() - began < 20


def test_one_that_is_ended_in_the_middle_has_failed(job: Job, fleet: SignedFleet) -> None:
    """Whoever looks at the device would read of a download that goes on for ever."""
    fleet.faults[DOWNLOAD] = drip
    last = fetch(job, silent, longest=4.0)
    assert (last.step, last.kind) == (FAILED, LATER)
    assert "ended" in last.reason


def test_the_token_is_on_no_command_line_and_in_no_file(job: Job, fleet: SignedFleet) -> None:
    fleet.ranges = False
    fleet.faults[DOWNLOAD] = cut_after(100)
    seen: list[bytes] = []

    def look(_: News) -> None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                seen.append((folder / "cmdline").read_bytes() + (folder / "environ").read_bytes())
            except OSError:
                continue

    fetch(job, look, longest=10.0)
    assert any(b"update-fetch" in one for one in seen)
    assert not [one for one in seen if TOKEN.encode() in one]
    assert not [path for path in job.folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_it_goes_when_the_agent_goes(job: Job, fleet: SignedFleet, tmp_path: Path) -> None:
    fleet.faults[f"{METADATA}timestamp.json"] = drip
    line = tmp_path / "job"
    line.write_bytes(job.to_line())
    script = (
        "import sys; from pathlib import Path; from pi_auto.client.agent.update.child import fetch;"
        "from pi_auto.client.agent.update.job import Job;"
        f"fetch(Job.from_line(Path({str(line)!r}).read_bytes()), print)"
    )
    agent = subprocess.Popen([sys.executable, "-c", script])
    wait_until(lambda: fleet.count(METADATA), 20, "the fetcher to ask")
    (child,) = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    wait_until(lambda: not is_running(int(child)), 20, "the fetcher to end")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_the_agent_itself_never_loads_what_only_the_fetcher_needs() -> None:
    script = (
        "import sys; import pi_auto.client.agent.program, pi_auto.client.agent.update.asking;"
        "import pi_auto.client.agent.update.fetcher; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"tuf", "securesystemslib", "urllib3"}.isdisjoint(loaded)


def test_it_takes_little_memory(job: Job, release: Path) -> None:
    most: list[int] = []

    def look(_: News) -> None:
        for child in Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split():
            told = Path(f"/proc/{child}/status").read_text().split("VmHWM:")[1:]
            most.extend(int(one.split()[0]) for one in told)

    assert fetch(job, look, [BARE, "-I", "-S", str(release), "update-fetch"]).step == READY
    assert 0 < max(most) < 64 * 1024, "KiB"
