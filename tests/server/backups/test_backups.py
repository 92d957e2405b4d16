"""Backups of real data folders: consistent while the server runs, opened by its key alone, whole or not there."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pi_auto.server.backups.making import BackupError, forget_old, make_backup
from pi_auto.server.backups.restoring import restore
from pi_auto.server.backups.stream import OpeningReader, SealingWriter
from pi_auto.server.context import now_utc
from pi_auto.server.scans.tables import scans as scan_rows
from pi_auto.server.store.engine import BOOKS, RESTORING, StoreError, open_store
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.sealing import SealingKey
from support.api import open_api
from support.records import scans
from support.server import running_server

PIECE = 1024 * 1024
CANARY = "canary-8412"


@pytest.fixture
def key() -> SealingKey:
    return SealingKey(bytes(range(32)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Books with one scan in them."""
    folder = tmp_path / "data"
    with open_api(folder) as api:
        api.device().send(*scans(CANARY))
    return folder


def texts(folder: Path) -> list[str]:
    with open_api(folder) as api:
        return [row.text for row in api.rows(scan_rows)]


def sealed(key: SealingKey, content: bytes) -> bytes:
    out = io.BytesIO()
    writer = SealingWriter(key, out)
    writer.write(content)
    writer.finish()
    return out.getvalue()


def opened(key: SealingKey, octets: bytes) -> bytes:
    reader = OpeningReader(key, io.BytesIO(octets))
    parts = []
    while part := reader.read(70_000):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_goes_in_comes_out(key: SealingKey, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    assert opened(key, sealed(key, content[:size])) == content[:size]


def test_pieces_cannot_be_cut_off_left_out_moved_or_altered(key: SealingKey) -> None:
    whole = sealed(key, b"a" * (3 * PIECE))
    head, size = 17 + 32, PIECE + 16
    first, second = whole[head : head + size], whole[head + size : head + 2 * size]
    damaged = {
        "cut between two pieces": whole[: head + 2 * size],
        "cut within one": whole[:-1],
        "one left out": whole[:head] + second + whole[head + 2 * size :],
        "two swapped": whole[:head] + second + first + whole[head + 2 * size :],
        "a bit": whole[: head + 100] + bytes([whole[head + 100] ^ 1]) + whole[head + 101 :],
        "another salt": whole[:20] + bytes([whole[20] ^ 1]) + whole[21:],
        "more behind it": whole + b"x",
        "nothing": b"",
    }
    for what, octets in damaged.items():
        with pytest.raises(TrustError):
            pytest.fail(f"{what} went unnoticed: {len(opened(key, octets))} bytes")


def test_a_restored_folder_holds_what_was_booked_and_asks_for_what_came_later(
    tmp_path: Path, key: SealingKey
) -> None:
    first, second, third = scans("one", "two", "three")
    with open_api(tmp_path / "data") as api:
        device = api.device()
        device.send(first)
        backup = make_backup(tmp_path / "data", tmp_path / "backups", key, now_utc())
        assert device.send(second).resend_from is None
    about = restore(backup, tmp_path / "new", key)
    assert about["version"]
    assert texts(tmp_path / "new") == ["one"]
    with open_api(tmp_path / "new") as api:
        device.api = api
        asked = device.send(third).resend_from
        assert asked
        assert asked.number == 2
        assert device.send(second, third).resend_from is None
        assert sorted(row.text for row in api.rows(scan_rows)) == ["one", "three", "two"]


def test_books_that_are_written_meanwhile_are_as_they_were_at_one_moment(tmp_path: Path, key: SealingKey) -> None:
    over = threading.Event()
    with open_api(tmp_path / "data") as api:
        device = api.device()

        def scan_on() -> None:
            for number, record in enumerate(scans(*map(str, range(2000))), 1):
                if over.is_set():
                    return
                device.send(record, first=number)

        scanning = threading.Thread(target=scan_on)
        scanning.start()
        try:
            made = [
                make_backup(tmp_path / "data", tmp_path / "backups", key, now_utc() + timedelta(seconds=n))
                for n in range(5)
            ]
        finally:
            over.set()
            scanning.join()
    for number, backup in enumerate(made):
        restore(backup, tmp_path / str(number), key)
        found = texts(tmp_path / str(number))
        assert found == list(map(str, range(len(found)))), "a gap"


def test_nothing_of_it_can_be_read_without_the_key(tmp_path: Path, data: Path, key: SealingKey) -> None:
    backup = make_backup(data, tmp_path / "backups", key, now_utc())
    octets = backup.read_bytes()
    assert not any(word.encode() in octets for word in (CANARY, "SQLite format", "books"))
    assert (backup.stat().st_mode & 0o777, backup.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with pytest.raises(BackupError, match="does not open: the key file is another one"):
        restore(backup, tmp_path / "new", SealingKey(bytes(32)))
    assert not (tmp_path / "new").exists()


def test_a_folder_with_books_is_not_overwritten(tmp_path: Path, data: Path, key: SealingKey) -> None:
    backup = make_backup(data, tmp_path / "backups", key, now_utc())
    with pytest.raises(BackupError, match="is not empty: it holds"):
        restore(backup, data, key)
    assert texts(data) == [CANARY]


def test_a_restore_that_was_cut_off_keeps_servers_away_until_it_is_run_again(
    tmp_path: Path, data: Path, key: SealingKey
) -> None:
    (data / "diagnostics").mkdir()
    (data / "diagnostics/large.zip").write_bytes(bytes(3 * PIECE))
    backup = make_backup(data, tmp_path / "backups", key, now_utc())
    cut, new = tmp_path / "cut", tmp_path / "new"
    cut.write_bytes(backup.read_bytes()[:-2000])
    with pytest.raises(BackupError, match="damaged or cut off"):
        restore(cut, new, key)
    assert (new / RESTORING).exists()
    with pytest.raises(StoreError, match="run `pi-auto-server restore` again"):
        open_store(new)
    restore(backup, new, key)
    assert texts(new) == [CANARY]
    assert (new / "diagnostics/large.zip").read_bytes() == bytes(3 * PIECE)


def test_damaged_books_are_told_and_no_backup_of_them_is_left(tmp_path: Path, data: Path, key: SealingKey) -> None:
    books = bytearray((data / BOOKS).read_bytes())
    books[4096:12288] = b"\xff" * 8192
    (data / BOOKS).write_bytes(books)
    with pytest.raises(BackupError, match=r"damaged|malformed"):
        make_backup(data, tmp_path / "backups", key, now_utc())
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_file_that_goes_while_the_folder_is_looked_through_keeps_no_backup_from_being_made(
    tmp_path: Path, data: Path, key: SealingKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "old.log").write_text("events that the hub drops")
    lstat = Path.lstat

    def gone_when_looked_at(path: Path) -> os.stat_result:
        if path.name == "old.log":
            path.unlink(missing_ok=True)
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", gone_when_looked_at)
    assert make_backup(data, tmp_path / "backups", key, now_utc()).exists()


def test_only_the_newest_are_kept(tmp_path: Path, data: Path, key: SealingKey) -> None:
    made = [
        make_backup(data, tmp_path / "backups", key, now_utc() + timedelta(seconds=number)) for number in range(4)
    ]
    (tmp_path / "backups/other").write_text("not ours")
    assert forget_old(made[3], 2) == made[:2]
    assert {path.name for path in (tmp_path / "backups").iterdir()} == {"other", made[2].name, made[3].name}


def test_a_backup_of_a_clock_that_was_ahead_outlives_none_that_are_newer(
    tmp_path: Path, data: Path, key: SealingKey
) -> None:
    days = (-2, -1, 300, 0)
    made = [make_backup(data, tmp_path / "backups", key, now_utc() + timedelta(days=day)) for day in days]
    assert forget_old(made[3], 3) == [made[2]]
    assert forget_old(made[3], 1) == [made[0], made[1]]
    assert made[3].exists()


def command(*words: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pi_auto.server.cli", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


def test_a_server_with_its_hub_is_backed_up_while_it_runs_and_its_fleet_comes_back(tmp_path: Path) -> None:
    key_file = tmp_path / "data.key"
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0"):
        made = command("backup", "--data", tmp_path / "data", "--to", tmp_path / "backups", "--keep", 1)
        card = command("fleet", "card", "--data", tmp_path / "data", "--address", "fleet.lan:5443").stdout
        assert made.returncode == 0, made.stderr
    (backup,) = (tmp_path / "backups").iterdir()
    new = tmp_path / "elsewhere" / "data"
    new.parent.mkdir()
    lost = command("restore", backup, "--data", new)
    assert (lost.returncode, "is missing" in lost.stderr) == (1, True), "without the key nothing is made anew"
    done = command("restore", backup, "--data", new, "--key-file", key_file)
    assert "is as it was at" in done.stdout, done.stderr
    with closing(sqlite3.connect(new / "hub/registry.sqlite")) as registry:
        assert registry.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    again = command("fleet", "card", "--data", new, "--key-file", key_file, "--address", "fleet.lan:5443").stdout
    assert card.startswith("{")
    assert again == card


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("backup", "--to", "backups"), "no data folder is named"),
        (("restore", "gone", "--data", ""), "no data folder is named"),
        (("backup", "--data", "empty", "--to", "backups"), "holds no books"),
        (("restore", "gone", "--data", "empty"), "gone is not restored: No such file or directory"),
        (("backup", "--data", "empty", "--to", "empty/in"), "in the data folder itself"),
        (("backup", "--data", "empty", "--to", "backups", "--keep", "0"), "--keep"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command(*words)
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == [], "not even a key"
