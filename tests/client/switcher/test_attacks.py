"""The agent's user, with a shell, does not become root through the update path, nor forges what root remembers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.switcher.errors import Refused
from pi_auto.client.switcher.taking import take
from pi_auto.wire.release import MOST_ARCHIVE, MOST_METADATA, target_of
from support.update_box import UpdateBox, release

AGENT = 65534  # nobody, as whom the agent's user is stood in for
GOOD = release("2.0.0", etc__unit="new\n")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user as well")


@pytest.fixture
def handed(box: UpdateBox) -> UpdateBox:
    """A good release was handed over, and the agent's folder is the agent's."""
    box.offer(GOOD)
    subprocess.run(["chown", "-R", str(AGENT), str(box.agent)], check=True)
    return box


def as_agent(*command: str, cwd: Path) -> int:
    """Run a command as the agent's user; its exit code."""
    return subprocess.run(command, user=AGENT, group=AGENT, extra_groups=[], cwd=cwd, check=False).returncode


def secret_of_root(box: UpdateBox) -> Path:
    file = box.root / "shadow"
    file.write_text("root:$6$secret")
    file.chmod(0o600)
    return file


PLANTED: dict[str, tuple[str, str]] = {
    "a link for the archive": ("ln -sf {secret} ready/archive", "no file archive"),
    "a link for the request": ("ln -sf {secret} ready/request.json", "no file request.json"),
    "a link for metadata": ("ln -sf {secret} ready/metadata/targets.json", "no file targets.json"),
    "a link for the folder of metadata": (
        "mv ready/metadata elsewhere && ln -s $PWD/elsewhere ready/metadata", "no folder metadata",
    ),
    "a link for what was handed over": ("mv ready elsewhere && ln -s $PWD/elsewhere ready", "no folder ready"),
    "a second name of a file": ("ln ready/archive twin", "no plain file with one name"),
    "a pipe for the archive": ("rm ready/archive && mkfifo ready/archive", "no plain file"),
    "a folder for the archive": ("rm ready/archive && mkdir ready/archive", "no plain file"),
    "a huge archive": (f"truncate -s {MOST_ARCHIVE + 1} ready/archive", f"allowed: {MOST_ARCHIVE}"),
    "huge metadata": (f"truncate -s {MOST_METADATA + 1} ready/metadata/targets.json", f"allowed: {MOST_METADATA}"),
    "metadata under another name": ("touch ready/metadata/evil.json", "no name of any"),
    "a thousand metadata": ("cd ready/metadata && touch $(seq -f %g.root.json 2 1001)", "allowed: 67"),
    "another archive": ("echo evil >>ready/archive", "not the one that was signed"),
    "metadata that were changed": ("sed -i s/2.0.0/6.6.6/ ready/metadata/targets.json", "not believed"),
    "no metadata": ("rm -r ready/metadata", "no folder metadata"),
    "nothing": ("rm -r ready", "no folder ready"),
    "no folder of updates": ("cd .. && rm -r update", "no folder update"),
    "a request with a path in it": (
        "sed -i 's|client/2.0.0|client/../../etc|' ready/request.json", "request.json: target",
    ),
    "a request that is no JSON": ("echo '[' >ready/request.json", "request.json"),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_what_the_agents_user_plants_is_refused_and_nothing_is_changed(handed: UpdateBox, planted: str) -> None:
    command, reason = PLANTED[planted]
    secret = secret_of_root(handed)
    before = sorted(path for path in handed.opt.rglob("*"))
    assert as_agent("/bin/sh", "-c", command.format(secret=secret), cwd=handed.agent / "update") == 0
    is_for_the_signature = "believed" in reason or "signed" in reason
    with nullcontext() if is_for_the_signature else pytest.raises(Refused, match=reason):
        take(handed.site)
    handed.update()
    assert handed.version == "1.0.0"
    assert sorted(path for path in handed.opt.rglob("*")) == before
    assert secret.read_text() == "root:$6$secret"
    assert not list(handed.site.own.rglob("archive"))
    # Nothing of it is the release's own fault, and a bad disk looks the same: it may be handed over again.
    assert all(said.startswith("not now: ") for step, said in handed.told() if step == "refused")


def test_an_archive_that_is_swapped_after_it_was_copied_changes_nothing(handed: UpdateBox) -> None:
    def swap(step: str) -> None:
        if step == "taken":
            evil = release("2.0.0", etc__unit="evil\n")
            (handed.agent / "update/evil").write_bytes(evil)
            os.chown(handed.agent / "update/evil", AGENT, AGENT)
            assert as_agent("/bin/mv", "evil", "ready/archive", cwd=handed.agent / "update") == 0

    handed.update(handed.switcher(swap))
    assert (handed.version, handed.system("etc/unit")) == ("2.0.0", "new\n")


def test_an_archive_that_is_swapped_while_it_is_copied_is_not_believed(handed: UpdateBox) -> None:
    """It has the signed length, and its content changes between the hash and the use of whoever reads twice."""
    file = handed.ready / "archive"
    octets = bytearray(file.read_bytes())
    octets[len(octets) // 2] ^= 1
    file.write_bytes(bytes(octets))
    handed.update()
    assert handed.told()[-1][0] == "refused"
    assert handed.version == "1.0.0"


ROOTS = ("update", "update-told", "update/state.json", "update/ledger.json")


def test_the_folder_of_the_copied_queue_is_roots_alone_whatever_the_agents_user_has_made_of_it(
    handed: UpdateBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (handed.site.state / "capture/spool.sqlite").write_bytes(b"")
    copying, gone_by = handed.site.state / "update-copying", []
    run_as, write = handed.services.run_as, zipfile.ZipFile.write

    def as_hostile_agent(user: str, command: Sequence[str], patience: float) -> str:
        if "copying" in " ".join(command):
            copying.chmod(0o777)
            (copying / "spool.sqlite").write_bytes(b"copied")
        return run_as(user, command, patience)

    def written(archive: zipfile.ZipFile, file: Path, *names: Any) -> None:
        gone_by.append(as_agent("mv", "-f", "spool.sqlite", "elsewhere", cwd=file.parent) == 0)
        write(archive, file, *names)

    monkeypatch.setattr(type(handed.services), "run_as", lambda _, *given: as_hostile_agent(*given))
    monkeypatch.setattr(zipfile.ZipFile, "write", written)
    handed.update()
    assert handed.steps()[-1] == "committed"
    assert gone_by == [False]


def test_a_tower_of_brackets_from_the_agents_user_ends_no_trial(
    handed: UpdateBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_as, towers = handed.services.run_as, ["[" * 100_000]

    def as_hostile_agent(user: str, command: Sequence[str], patience: float) -> str:
        return towers.pop() if "status" in command and towers else run_as(user, command, patience)

    monkeypatch.setattr(type(handed.services), "run_as", lambda _, *given: as_hostile_agent(*given))
    handed.update()
    assert handed.steps()[-1] == "committed"
    assert towers == []


def test_a_second_name_of_a_file_of_roots_in_the_place_of_the_copied_queue_gets_into_no_backup(
    handed: UpdateBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel lets users give other users' files a name (fs.protected_hardlinks=0)."""
    (handed.site.state / "capture/spool.sqlite").write_bytes(b"")
    copy, run_as = handed.site.state / "update-copying/spool.sqlite", handed.services.run_as

    def as_hostile_agent(user: str, command: Sequence[str], patience: float) -> str:
        if "copying" not in " ".join(command):
            return run_as(user, command, patience)
        os.link(secret_of_root(handed), copy)
        return ""

    monkeypatch.setattr(type(handed.services), "run_as", lambda _, *given: as_hostile_agent(*given))
    handed.update()
    assert handed.steps()[-1] == "committed"
    (backup,) = handed.site.state.glob("backup_*.zip")
    with zipfile.ZipFile(backup) as archive:
        assert "spool.sqlite" not in archive.namelist()


@pytest.mark.parametrize("name", ROOTS)
def test_what_root_remembers_is_not_the_agents_to_change(handed: UpdateBox, name: str) -> None:
    handed.update()
    for command in (["/bin/rm", "-rf", name], ["/bin/mv", name, "agent/x"], ["/usr/bin/touch", name]):
        as_agent(*command, cwd=handed.site.state)
    assert (handed.site.own / "ledger.json").exists()
    assert handed.site.own.stat().st_mode & 0o777 == 0o700
    assert as_agent("/bin/ls", str(handed.site.own), cwd=Path("/")) != 0
    assert as_agent("/bin/cat", str(handed.site.told / "told.json"), cwd=Path("/")) == 0


def test_a_state_that_somebody_else_has_written_is_not_believed(handed: UpdateBox) -> None:
    """Were root's folder ever open to others: whose file it is decides."""
    forged = handed.site.own / "ledger.json"
    forged.write_text(json.dumps({"fleet": "", "floor": 0, "authority": 0, "digest": "", "never": {}, "fell": {}}))
    os.chown(forged, AGENT, AGENT)
    handed.update()
    assert handed.told()[-1] == ("refused", "not now: others than root can write it")


def test_the_floor_outlives_metadata_that_are_lost(handed: UpdateBox) -> None:
    handed.update()
    for file in (handed.site.own / "trust").rglob("*.json"):
        if not file.is_symlink():
            file.write_bytes(b"\0" * 100)
    old = release("1.5.0")
    handed.offer(old, "1.5.0", 1)
    handed.update()
    assert handed.told()[-1][0] == "refused"
    assert "below 2" in handed.told()[-1][1]


def test_metadata_that_were_replaced_by_older_ones_are_not_believed(handed: UpdateBox) -> None:
    old = handed.fleet.files()
    digest = handed.fleet.publish(target_of("3.0.0"), b"x", {})
    handed.hand_over(b"x", handed.fleet.files(), target_of("3.0.0"), digest, "3.0.0")
    handed.update()
    handed.hand_over(GOOD, old, target_of("2.0.0"), digest)
    handed.update()
    assert "not believed" in handed.told()[-1][1]


def _expire(box: UpdateBox) -> None:
    box.fleet.expires = box.fleet.expires.replace(year=2001)


def test_metadata_that_have_expired_are_not_believed_and_the_clock_is_told(box: UpdateBox) -> None:
    _expire(box)
    box.offer(GOOD)
    box.update()
    step, reason = box.told()[-1]
    assert step == "refused"
    assert "expired" in reason
    assert "by this device's clock (20" in reason


def test_a_rotation_of_keys_is_followed_by_a_device_that_was_off(box: UpdateBox) -> None:
    for _ in range(3):
        box.fleet.rotate_root()
    box.offer(GOOD)
    box.update()
    assert box.steps()[-1] == "committed"


def test_a_strangers_signature_is_not_believed(box: UpdateBox) -> None:
    from support.update_fleet import UpdateFleet  # noqa: PLC0415 - another fleet, of which the device knows nothing

    stranger = UpdateFleet()
    digest = stranger.publish(target_of("2.0.0"), GOOD, {})
    box.hand_over(GOOD, stranger.files(), target_of("2.0.0"), digest)
    box.update()
    assert "not believed" in box.told()[-1][1]
    assert box.version == "1.0.0"


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "no zip file": lambda: b"#!/usr/bin/env python3\n" + b"x" * 1000,
    "a path out of it": lambda: _with("../../../../etc/unit", b"evil"),
    "an absolute path": lambda: _with("/etc/unit", b"evil"),
    "a link": lambda: _with("evil", b"/etc", 0o120777 << 16),
    "a device": lambda: _with("evil", b"", 0o020666 << 16),
    "more than was signed": lambda: _with("big", b"\0" * 200_000),
    "another version": lambda: release("3.0.0"),
}


def _with(name: str, content: bytes, attributes: int = 0) -> bytes:
    import io  # noqa: PLC0415 - for the one case
    import zipfile  # noqa: PLC0415 - the same

    packed = io.BytesIO(release("2.0.0"))
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr, member.compress_type = attributes, zipfile.ZIP_DEFLATED
        archive.writestr(member, content)
    return packed.getvalue()


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_signed_archive_that_is_no_release_is_refused(box: UpdateBox, kind: str) -> None:
    """A targets key that is stolen or misused still writes nowhere but into the release's own folder."""
    box.offer(ARCHIVES[kind]())
    box.update()
    assert box.steps() == ["verified", "refused"]
    assert (box.version, box.system("etc/unit")) == ("1.0.0", "former\n")
    assert [folder.name for folder in (box.opt / "releases").iterdir()] == ["1.0.0"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a step that was left out": ({"counter": 9, "least_counter": 8}, "8 has to be taken first"),
    "a package that is missing": (
        {"packages": ("python3", "python3-nonesuch")},
        "not now: Debian packages are missing",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_this_device_cannot_take_is_refused_before_anything_is_switched(box: UpdateBox, kind: str) -> None:
    custom, reason = REFUSED[kind]
    box.offer(GOOD, **custom)
    box.update()
    assert box.steps() == ["verified", "refused"]
    assert reason in box.told()[-1][1]


def test_a_disk_without_room_is_told(box: UpdateBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box.offer(GOOD)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    box.update()
    assert box.told()[-1][1].startswith("not now: ")
    assert "1000 bytes are free" in box.told()[-1][1]
