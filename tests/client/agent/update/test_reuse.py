"""A release put together out of the one that runs: byte for byte the signed one, for a tenth of the bytes."""

from __future__ import annotations

import hashlib
import io
import random
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.update import download
from pi_auto.client.agent.update.channel import Channel
from pi_auto.client.agent.update.download import Wanted
from pi_auto.client.agent.update.fetcher import Fetch
from pi_auto.client.agent.update.job import Job
from pi_auto.client.agent.update.reuse import Odd, assemble
from pi_auto.client.agent.update.target import Target
from pi_auto.client.agent.update.trouble import Wrong
from support.releases import release_of
from support.signed_fleet import DOWNLOAD, Handler, SignedFleet, serve

AIM = 0.10  # of the full archive, for a small change


@pytest.fixture
def fleet() -> Iterator[SignedFleet]:
    with SignedFleet() as started:
        yield started


@pytest.fixture
def channel(fleet: SignedFleet) -> Iterator[Channel]:
    made = Channel(fleet.endpoint)
    yield made
    made.close()


def unpacked(archive: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        opened.extractall(folder)
    return folder


def changed(archive: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """The archive with some members of other contents, or none, packed as script/dist does it."""
    packed = io.BytesIO()
    packed.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(packed, "a") as new:
        members = {one.filename: (one, old.read(one)) for one in old.infolist()}
        members |= {name: (zipfile.ZipInfo(name), content) for name, content in changes.items() if content}
        for name in sorted(set(members) - {name for name, content in changes.items() if content is None}):
            new.writestr(*members[name])
    return packed.getvalue()


def wanted(fleet: SignedFleet, archive: bytes) -> Wanted:
    update_id = hashlib.sha256(archive).hexdigest()
    fleet.archives[update_id] = archive
    target = Target("client/2/pi_auto_client.py", len(archive), {"sha256": update_id})
    return Wanted(f"{DOWNLOAD}?update_id={update_id}", len(archive), target.check)


def sample() -> bytes:
    chance = random.Random(3)
    members = {f"pi_auto/m{number:02d}.py": chance.randbytes(chance.randrange(4000)) for number in range(40)}
    return changed(changed(b"PK\x05\x06" + bytes(18), members), {"empty.py": b"x", "umlaut-ä.py": b"a"})


def test_a_small_change_of_the_real_release_costs_a_tenth_of_it_at_most(
    fleet: SignedFleet, tmp_path: Path
) -> None:
    old = release_of("0.2.0")
    running = unpacked(old, tmp_path / "app")
    errand = "pi_auto/client/agent/errands/updating.py"
    lines = (running / errand).read_bytes() + b"# one line more\n"
    new = changed(release_of("0.2.1"), {errand: lines, "pi_auto/client/new.py": b'"""New."""\n' * 40})
    offer = fleet.release("0.2.1", new)
    folder = tmp_path / "update"
    Fetch(Job(folder, fleet.endpoint, fleet.trusted, None, offer), lambda _: None, running).run()
    assert (folder / "ready" / "archive").read_bytes() == new
    assert fleet.sent < AIM * len(new), f"{fleet.sent} of {len(new)} bytes"


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"pi_auto/m01.py": b"other"}, {"pi_auto/m00.py": None}, {"zz.py": b"last"}, {"__init__.py": b"first"},
        {f"pi_auto/m{number:02d}.py": b"other" for number in range(0, 40, 9)},
    ],
)  # fmt: skip
def test_whatever_is_new_or_gone_the_bytes_are_the_signed_ones(
    fleet: SignedFleet, channel: Channel, tmp_path: Path, changes: dict[str, bytes | None]
) -> None:
    running = unpacked(sample(), tmp_path / "app")
    new = changed(sample(), changes)
    file = tmp_path / "archive"
    assemble(channel, wanted(fleet, new), running, file)
    assert file.read_bytes() == new


def test_files_that_were_altered_on_the_device_are_fetched(
    fleet: SignedFleet, channel: Channel, tmp_path: Path
) -> None:
    running = unpacked(sample(), tmp_path / "app")
    altered = running / "pi_auto/m05.py"
    altered.write_bytes(bytes(reversed(altered.read_bytes())))
    (running / "pi_auto/m06.py").unlink()
    (running / "pi_auto/m07.py").unlink()
    (running / "pi_auto/m07.py").symlink_to("/etc/passwd")
    file = tmp_path / "archive"
    assemble(channel, wanted(fleet, sample()), running, file)
    assert file.read_bytes() == sample()


def compressed() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.py", random.Random(1).randbytes(100_000))
    return packed.getvalue()


def enormous() -> bytes:
    """Of a member that says, by the form for such, that it has eight gigabytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        member = zipfile.ZipInfo("a.py")
        member.extra = struct.pack("<HHQ", 1, 8, 2**33)
        archive.writestr(member, b"a")
    octets = bytearray(packed.getvalue())
    size = octets.index(b"PK\x01\x02") + 24
    octets[size : size + 4] = b"\xff" * 4
    return bytes(octets)


def climbing() -> bytes:
    return changed(sample(), {"../../../../etc/passwd": b"x"})


@pytest.mark.parametrize(
    "archive",
    [
        b"no zip file at all" * 999,
        sample()[:-1],
        sample() + b"\0",
        compressed(),
        climbing(),
        enormous(),
        b"PK\x05\x06" + b"\xff" * 18,
    ],
)
def test_what_is_odd_is_said_to_be_so_and_leaves_nothing(
    fleet: SignedFleet, channel: Channel, tmp_path: Path, archive: bytes
) -> None:
    running = unpacked(sample(), tmp_path / "app")
    file = tmp_path / "archive"
    with pytest.raises(Odd):
        assemble(channel, wanted(fleet, archive), running, file)
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


@pytest.mark.parametrize("archive", [b"no zip file at all" * 999, compressed(), climbing(), enormous()])
def test_an_odd_archive_that_is_signed_is_fetched_as_a_whole(
    fleet: SignedFleet, tmp_path: Path, archive: bytes
) -> None:
    running = unpacked(sample(), tmp_path / "app")
    offer = fleet.release("0.2.1", archive)
    folder = tmp_path / "update"
    Fetch(Job(folder, fleet.endpoint, fleet.trusted, None, offer), lambda _: None, running).run()
    assert (folder / "ready" / "archive").read_bytes() == archive


def test_a_directory_that_lies_costs_a_full_download_and_no_more(fleet: SignedFleet, tmp_path: Path) -> None:
    running = unpacked(sample(), tmp_path / "app")
    offer = fleet.release("0.2.1", sample())
    real = fleet.archives[offer.update_id]
    lying = bytearray(real)
    lying[real.rindex(b"PK\x01\x02") + 16] ^= 1  # the CRC of the last member
    folder = tmp_path / "update"

    def lie_of_parts(handler: Handler, _: bytes) -> None:
        serve(handler, fleet, bytes(lying) if handler.headers.get("Range") else real)

    fleet.faults[DOWNLOAD] = lie_of_parts
    Fetch(Job(folder, fleet.endpoint, fleet.trusted, None, offer), lambda _: None, running).run()
    assert (folder / "ready" / "archive").read_bytes() == real


@pytest.mark.parametrize("seed", range(30))
def test_bytes_gone_wrong_anywhere_never_become_a_release(
    fleet: SignedFleet, channel: Channel, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    running = unpacked(sample(), tmp_path / "app")
    what = wanted(fleet, sample())
    broken = bytearray(sample())
    for _ in range(chance.randrange(1, 6)):
        broken[-chance.randrange(1, 4000)] = chance.randrange(256)
    if bytes(broken) == sample():
        return
    fleet.faults[DOWNLOAD] = lambda handler, _: serve(handler, fleet, bytes(broken))
    file = tmp_path / "archive"
    try:
        assemble(channel, what, running, file)
    except (Odd, Wrong, ApiError):
        assert not file.exists()
    else:  # what was wrong was here already, and not taken from the server
        assert file.read_bytes() == sample()


def test_a_server_without_ranges_gives_no_parts(fleet: SignedFleet, channel: Channel, tmp_path: Path) -> None:
    fleet.ranges = False
    with pytest.raises(Wrong, match="gives no parts"):
        assemble(channel, wanted(fleet, sample()), tmp_path, tmp_path / "archive")


def test_where_little_is_here_already_one_download_is_the_shorter_way(
    fleet: SignedFleet, channel: Channel, tmp_path: Path
) -> None:
    with pytest.raises(Odd, match="too little"):
        assemble(channel, wanted(fleet, sample()), tmp_path, tmp_path / "archive")
    assert fleet.sent < len(sample()) / 2


def test_where_every_part_breaks_off_the_whole_is_fetched_and_gone_on_with(
    fleet: SignedFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_LONGEST_PAUSE", 0.01)
    chance = random.Random(7)
    running = unpacked(changed(sample(), {"kept.py": chance.randbytes(900_000)}), tmp_path / "app")
    kept = (running / "kept.py").read_bytes()
    new = changed(sample(), {"kept.py": kept, "grown.py": chance.randbytes(700_000)})
    offer = fleet.release("0.2.1", new)

    def break_off(handler: Handler, content: bytes) -> None:
        start, stop = re.findall(r"(\d+)-(\d*)", handler.headers.get("Range", "0-"))[0]
        part = content[int(start) : int(stop or len(content)) + 1]
        handler.send_response(206)
        handler.send_header("Content-Length", str(len(part)))
        handler.send_header("Content-Range", f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}")
        handler.end_headers()
        handler.wfile.write(part[:300_000])
        handler.close_connection = True

    fleet.faults[DOWNLOAD] = break_off
    folder = tmp_path / "update"
    Fetch(Job(folder, fleet.endpoint, fleet.trusted, None, offer), lambda _: None, running).run()
    assert (folder / "ready" / "archive").read_bytes() == new
