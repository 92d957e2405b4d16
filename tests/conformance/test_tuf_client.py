"""The command line that the public TUF conformance suite calls, against a repository made by python-tuf."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.signed_fleet import DOWNLOAD, METADATA, Handler, SignedFleet, serve

CLIENT = Path(__file__).with_name("tuf_client.py")
NAME = "client/0.2.0/pi_auto_client.py"


@pytest.fixture
def fleet() -> Iterator[SignedFleet]:
    with SignedFleet() as started:
        yield started


@pytest.fixture
def call(fleet: SignedFleet, tmp_path: Path) -> Callable[..., int]:
    def run(*words: str) -> int:
        told = ["--metadata-dir", str(tmp_path / "metadata"), "--metadata-url", f"{fleet.url}{METADATA}"]
        return subprocess.run([sys.executable, CLIENT, *told, *words], check=False).returncode

    root = tmp_path / "initial_root.json"
    root.write_text(fleet.trusted)
    assert subprocess.run(
        [sys.executable, CLIENT, "--metadata-dir", tmp_path / "metadata", "init", root], check=False
    ).returncode == 0  # fmt: skip
    return run


def kept(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tmp_path / "metadata").glob("*.json")}


def test_a_refresh_keeps_the_metadata_under_unversioned_names(
    call: Callable[..., int], fleet: SignedFleet, tmp_path: Path
) -> None:
    assert call("refresh") == 0
    fleet.rotate("root")
    fleet.bump()
    assert call("refresh") == 0
    assert kept(tmp_path) == {
        "root.json": fleet.files["2.root.json"], "timestamp.json": fleet.files["timestamp.json"],
        "snapshot.json": fleet.files["2.snapshot.json"], "targets.json": fleet.files["2.targets.json"],
    }  # fmt: skip


def test_what_is_not_to_be_believed_is_no_success_and_changes_nothing(
    call: Callable[..., int], fleet: SignedFleet, tmp_path: Path
) -> None:
    assert call("refresh") == 0
    before = kept(tmp_path)
    fleet.lasts = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    fleet.bump()
    assert call("refresh") == 1
    after = kept(tmp_path)
    assert {name: after[name] for name in ("root.json", "snapshot.json", "targets.json")} == {
        name: before[name] for name in ("root.json", "snapshot.json", "targets.json")
    }


def test_a_target_is_downloaded_once_and_again_only_when_it_has_changed(
    call: Callable[..., int], fleet: SignedFleet, tmp_path: Path
) -> None:
    asked: list[str] = []

    def target(handler: Handler, _: bytes) -> None:
        update_id = handler.path.rpartition("/")[2].partition(".")[0]
        asked.append(handler.path)
        serve(handler, fleet, fleet.archives[update_id])

    folder = tmp_path / "targets"
    words = ["--target-name", NAME, "--target-base-url", f"{fleet.url}/targets", "--target-dir", str(folder)]
    for content in (b"one" * 1000, b"two" * 2000):
        offer = fleet.release("0.2.0", content)
        path = f"/targets/client/0.2.0/{offer.update_id}.pi_auto_client.py"
        fleet.faults[path] = target
        assert call(*words, "download") == 0
        assert call(*words, "download") == 0
        assert [file.read_bytes() for file in folder.iterdir()] == [content]
        assert asked.count(path) == 1
    fleet.archives[offer.update_id] = b"two" * 1999 + b"bad"
    next(folder.iterdir()).unlink()
    assert call(*words, "download") == 1
    assert list(folder.iterdir()) == []
    assert fleet.count(DOWNLOAD) == 0
