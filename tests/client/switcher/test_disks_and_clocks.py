"""A disk that is full or read-only at any step, and clocks that cannot be."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_auto.client.agent.update.told import told_in
from pi_auto.client.switcher import believing
from pi_auto.client.switcher.ledger import ledger_in
from pi_auto.client.switcher.telling import tell
from support.update_box import UpdateBox, release

GOOD = release("2.0.0", etc__unit="new\n")
CRASHES = release("2.0.0", {"agent": "crash"}, etc__unit="new\n", etc__added="added\n")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", str(tmp_path)],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("needs the right to mount")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill(disk: Path) -> None:
    """Until not a byte is free."""
    with (disk / "filler").open("ab", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(b"x" * 4096)


STEPS = (
    "taken",
    "believed",
    "unpacked",
    "tried out",
    "backed up",
    "former files kept",
    "judge named",
    "trial written",
)
STARTED = ("trial told", "system files placed", "switched", "started")


@pytest.mark.parametrize("step", [*STEPS, *STARTED])
def test_a_disk_that_fills_up_at_any_step_leaves_a_good_release(disk: Path, step: str) -> None:
    """Where the fill comes before the trial it is refused; in it, the ballast makes the room for going back."""
    box = UpdateBox(disk)
    box.offer(CRASHES)
    # What stands in for systemd writes to this disk as well: it keeps its room.
    with suppress(OSError):
        box.update(box.switcher(lambda passed: fill(disk) if passed == step else None))
    assert box.version == "1.0.0", "gone back, if it was switched at all, on the full disk"
    assert (box.system("etc/unit"), box.system("etc/added")) == ("former\n", None)
    (disk / "filler").unlink(missing_ok=True)
    box.update()
    assert box.version == "1.0.0"
    assert (box.system("etc/unit"), box.system("etc/added")) == ("former\n", None)
    assert box.leftovers() == []
    assert box.running() == {"1.0.0"}


def test_without_room_nothing_is_begun_and_the_reason_is_told(disk: Path) -> None:
    box = UpdateBox(disk)
    box.offer(GOOD, unpacked=20_000_000)
    box.update()
    step, reason = box.told()[-1]
    assert step == "refused"
    assert reason.startswith("not now: ")
    assert "bytes are free; 73554432 are needed" in reason


def test_releases_that_were_gone_back_from_take_no_room_from_the_next_one(disk: Path) -> None:
    """Only a commit has removed them, and on a small disk they would keep every further one away."""
    box = UpdateBox(disk)
    box.offer(CRASHES)
    box.update()
    assert box.steps()[-1] == "rolled_back"
    assert [place.name for place in (box.opt / "releases").iterdir()] == ["1.0.0"]
    # The power has gone in the middle of it.
    (box.opt / "releases/2.0.0").mkdir()
    (box.opt / "releases/2.0.0/left").write_bytes(b"x" * 40_000_000)
    box.offer(release("2.1.0"), "2.1.0", 3)
    box.update()
    assert box.version == "2.1.0"
    assert sorted(place.name for place in (box.opt / "releases").iterdir()) == ["1.0.0", "2.1.0"]


def test_a_disk_that_can_only_be_read_changes_nothing(disk: Path) -> None:
    box = UpdateBox(disk)
    box.offer(GOOD)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(OSError, match="Read-only"):
        box.update()
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert box.version == "1.0.0"
    assert box.steps() == []


@pytest.mark.parametrize(("year", "reason"), [(1970, "which cannot be"), (2099, "expired")])
def test_a_clock_that_cannot_be_refuses_for_now_and_blames_nothing(
    box: UpdateBox, monkeypatch: pytest.MonkeyPatch, year: int, reason: str
) -> None:
    if year == 2099:
        box.fleet.expires = box.fleet.expires.replace(year=2001)  # the same as a clock that is ahead
    else:
        monkeypatch.setattr(believing, "_now", lambda: datetime(year, 1, 1, tzinfo=UTC))
    box.offer(GOOD)
    box.update()
    assert box.told()[-1][0] == "refused"
    assert box.told()[-1][1].startswith("not now: ")
    assert reason in box.told()[-1][1]
    assert [one.name for one in (box.opt / "releases").iterdir()] == ["1.0.0"]


def test_a_refusal_for_the_same_reason_is_told_each_time(box: UpdateBox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent waits for it, and the roll-out: without an answer the device counts as silent."""
    monkeypatch.setattr(believing, "_now", lambda: datetime(1970, 1, 1, tzinfo=UTC))
    for _ in range(2):
        box.offer(GOOD)
        box.update()
    assert box.steps() == ["refused", "refused"]


LOST = (b"", b"\0" * 300, b"{}", b"[[", b"\0" * 100_000)


@pytest.mark.parametrize("content", LOST)
def test_a_disk_that_has_lost_what_root_remembers_keeps_no_update_away(box: UpdateBox, content: bytes) -> None:
    box.site.make_folders()
    spoil(box, "ledger.json", content)
    box.offer(GOOD)
    box.update()
    assert box.version == "2.0.0"


@pytest.mark.parametrize("content", [*LOST, b"[" * 60_000, b'{"steps": [7, {"number": "x"}]}'])
def test_a_disk_that_has_lost_what_was_told_keeps_no_update_away(box: UpdateBox, content: bytes) -> None:
    box.site.make_folders()
    (box.site.told / "told.json").write_bytes(content)
    box.offer(GOOD)
    box.update()
    assert (box.version, box.steps()) == ("2.0.0", ["verified", "trial", "committed"])


def test_what_root_remembers_and_tells_can_be_read_again_however_long_and_strange_its_words_are(
    box: UpdateBox,
) -> None:
    """A device of the lab has gone back from a hundred releases, each of which has complained in smileys."""
    said, digests = "\N{SLIGHTLY SMILING FACE}" * 512, [f"{number:064x}" for number in range(100)]
    box.site.make_folders()
    for digest in digests:
        ledger_in(box.site.own, "f", box.site.owner).blamed(digest, said).keep(box.site.own)
        tell(box.site.told, digest, "2.0.0", "rolled_back", said, owner=box.site.owner)
    never = ledger_in(box.site.own, "f", box.site.owner).never
    assert list(never) == digests[-len(never) :]
    assert never[digests[-1]] == said
    told = told_in(box.agent.parent)
    assert (told[-1].update_id, told[-1].number, told[-1].reason) == (digests[-1], 100, said)
    assert len(told) > 5


@pytest.mark.parametrize(
    ("name", "content"),
    [*(("ledger.json", content) for content in LOST), *(("former-files.json", LOST[n]) for n in (0, 1, 3))],
)
def test_a_disk_that_loses_what_root_remembers_keeps_nobody_on_a_bad_release(
    box: UpdateBox, name: str, content: bytes
) -> None:
    box.offer(CRASHES)
    box.update(box.switcher(lambda passed: spoil(box, name, content) if passed == "started" else None))
    assert box.version == "1.0.0"
    assert (box.system("etc/unit"), box.system("etc/added")) == ("former\n", None)
    assert box.steps()[-1] == "rolled_back"
    assert box.leftovers() == []


def spoil(box: UpdateBox, name: str, content: bytes) -> None:
    (box.site.own / name).write_bytes(content)
    (box.site.own / name).chmod(0o600)
