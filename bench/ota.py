"""What an update costs: bytes of a small change against the full archive, and the fetcher's time and memory.

The present code is a release, and the next one has a few lines more in three files and one new file. It is
fetched as a device fetches it, by the fetcher of the former release, over TCP on this machine. Then a thousand
devices ask the real server at once (ota_crowd.py), the agent is started anew as at a switch (ota_restart.py), and
capture is taken over while codes are typed (takeover.py).
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import ota_crowd  # noqa: E402 - found by the line above
import ota_restart  # noqa: E402
import takeover  # noqa: E402
from pi_auto.client.agent.update.child import fetch  # noqa: E402
from pi_auto.client.agent.update.job import READY, Job, News  # noqa: E402
from support.releases import release_of  # noqa: E402
from support.signed_fleet import SignedFleet  # noqa: E402

AIM = 0.10
CROWD = 1000  # devices
TAKEOVERS = 10  # for each update that is measured
_CHANGED = ("client/agent/errands/updating.py", "client/capture/reading.py", "wire/scan.py")
_LINES = b"# A line that was not there before.\n" * 5


def run(times: int) -> int:
    """Fetch the small change so often; 0 if the aim is met."""
    old, new = release_of("1.0.0"), _changed(release_of("1.0.1"))
    told = [_measured(old, new) for _ in range(times)]
    full = _measured(b"", new)
    share = max(octets for octets, _, _ in told) / len(new)
    print(f"archive            {len(new):>10} bytes, {len(zipfile.ZipFile(io.BytesIO(new)).namelist())} files")
    print(f"small change       {told[0][0]:>10} bytes fetched: {share:.1%} (aim: {AIM:.0%} or less)")
    print(f"full download      {full[0]:>10} bytes fetched: {full[0] / len(new):.1%}")
    print(f"fetcher            {max(seconds for _, seconds, _ in told):>10.2f} s at most, its start included")
    print(f"                   {max(memory for _, _, memory in told) / 1024:>10.1f} MB at most")
    missed = [share > AIM, takeover.run(TAKEOVERS * times), ota_restart.run(times), ota_crowd.run(CROWD)]
    return int(any(missed))


def _measured(old: bytes, new: bytes) -> tuple[int, float, int]:
    """Bytes over the network, seconds, and KiB of memory at most."""
    most = [0]

    def look(_: News) -> None:
        for child in Path("/proc/thread-self/children").read_text().split():
            told = Path(f"/proc/{child}/status").read_text().partition("VmHWM:")[2]
            most.append(int(told.split()[0]) if told else 0)

    with SignedFleet() as fleet, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-IS", _unpacked(old or release_of("1.0.0"), folder), "update-fetch"]
        job = Job(folder / "update", fleet.endpoint, fleet.trusted, None, offer := fleet.release("1.0.1", new))
        if not old:  # a download that has begun is gone on with
            job.folder.mkdir()
            (job.folder / f"{offer.update_id}.part").touch()
        began = time.monotonic()
        last = fetch(job, look, command)
        if last.step != READY:
            raise SystemExit(f"bench: the update was not fetched: {last.reason}")
        return fleet.sent, time.monotonic() - began, max(most)


def _unpacked(archive: bytes, folder: Path) -> str:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        opened.extractall(folder / "app")
    return str(folder / "app")


def _changed(archive: bytes) -> bytes:
    """The archive as script/dist makes it of a few changed files."""
    packed = io.BytesIO(b"")
    packed.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(packed, "a") as new:
        members = {one.filename: (one, old.read(one)) for one in old.infolist()}
        for name in _CHANGED:
            one, content = members[f"pi_auto/{name}"]
            members[one.filename] = (one, content + _LINES)
        fresh = zipfile.ZipInfo("pi_auto/client/agent/update/fresh.py", members["__main__.py"][0].date_time)
        members[fresh.filename] = (fresh, _LINES * 10)
        for name in sorted(members):
            new.writestr(*members[name])
    return packed.getvalue()
