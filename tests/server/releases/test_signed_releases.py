from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import RepositoryError
from tuf.ngclient import Updater

from support.signed_releases import SignedReleases


def updater(url: str, folder: Path, root: str) -> Updater:
    """TUF's own client with the root that a card holds."""
    for name in ("metadata", "targets"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return Updater(
        str(folder / "metadata"), f"{url}/metadata/", str(folder / "targets"), f"{url}/targets/",
        bootstrap=root.encode(),
    )  # fmt: skip


def test_tufs_own_client_takes_a_release_by_the_root_alone(tmp_path: Path) -> None:
    made = SignedReleases(tmp_path / "made")
    release = made.release("2.1.0", notes="the first")
    with made.serving() as url:
        client = updater(url, tmp_path / "client", made.root)
        found = client.get_targetinfo(release.target)
        assert found
        assert found.custom == release.to_json()
        assert Path(client.download_target(found)).read_bytes() == made.archive_of(release).read_bytes()


def test_a_client_that_was_off_for_a_year_follows_new_roots_and_targets_keys(tmp_path: Path) -> None:
    made = SignedReleases(tmp_path / "made")
    made.pass_by(timedelta(days=-400))
    first = made.root
    made.rotate("root")
    made.rotate("targets")
    made.rotate("root", "targets")
    made.pass_by(timedelta(days=400))
    release = made.release("2.1.0")
    with made.serving() as url:
        assert updater(url, tmp_path / "client", first).get_targetinfo(release.target)


def test_metadata_that_are_not_signed_anew_expire(tmp_path: Path) -> None:
    made = SignedReleases(tmp_path / "made")
    made.pass_by(timedelta(days=-8))
    with made.serving() as url, pytest.raises(RepositoryError, match=r"timestamp\.json is expired"):
        updater(url, tmp_path / "client", made.root).refresh()
