"""Whoever has the server has its folder and its online key, and with both nothing that a device would take."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import Updater

from pi_auto.server.releases.resigning import sign_online
from support.signed_releases import SignedReleases, serving

NEW, OLD = "client/2.2.0/pi_auto_client.py", "client/2.1.0/pi_auto_client.py"


class Device:
    """A device with the card's root, which keeps its metadata; `now` is its clock."""

    def __init__(self, folder: Path, made: SignedReleases) -> None:
        self._folder, self._made, self._root = folder, made, made.first_root
        folder.mkdir()

    def listed(self) -> set[str]:
        """What it believes. Raises RepositoryError."""
        with serving(self._made.served) as url:
            client = Updater(str(self._folder), f"{url}/metadata/", bootstrap=self._root.encode())
            client._trusted_set.reference_time = self._made.now
            client.refresh()
            return set(client._trusted_set.targets.targets)


@pytest.fixture
def made(tmp_path: Path) -> SignedReleases:
    made = SignedReleases(tmp_path / "made")
    made.release("2.1.0")
    made.publish()
    shutil.copytree(made.served, tmp_path / "recorded")
    made.pass_by(timedelta(hours=1))
    made.release("2.2.0")
    made.publish()
    return made


@pytest.fixture
def device(tmp_path: Path, made: SignedReleases) -> Device:
    device = Device(tmp_path / "device", made)
    assert device.listed() == {OLD, NEW}
    return device


def put_targets(made: SignedReleases, octets: bytes) -> None:
    """As a thief: targets of their own, with snapshot and timestamp that the stolen key signs."""
    metadata = made.served / "metadata"
    version = json.loads(octets)["signed"]["version"]
    (metadata / f"{version}.targets.json").write_bytes(octets)
    newest = max(metadata.glob("*.snapshot.json"), key=lambda path: int(path.name.split(".")[0]))
    before = newest.read_bytes(), (metadata / "timestamp.json").read_bytes()
    for name, content in sign_online(octets, before, made.online, made.now).items():
        (metadata / name).write_bytes(content)


@contextmanager
def refused(device: Device, why: str) -> Iterator[None]:
    yield
    with pytest.raises(RepositoryError, match=why):
        device.listed()


def signed_targets(made: SignedReleases) -> Metadata[Targets]:
    targets = made.desk.targets()
    assert targets
    return targets


def test_a_thief_cannot_publish(made: SignedReleases, device: Device) -> None:
    targets = signed_targets(made)
    targets.signed.version += 1
    targets.signed.targets["client/6.6.6/pi_auto_client.py"] = targets.signed.targets[NEW]
    with refused(device, "targets was signed by 0/1 keys"):
        put_targets(made, targets.to_bytes())


def test_a_thief_cannot_sign_targets_with_the_stolen_key(made: SignedReleases, device: Device) -> None:
    targets = signed_targets(made)
    targets.signed.version += 1
    targets.sign(made.online)
    with refused(device, "targets was signed by 0/1 keys"):
        put_targets(made, targets.to_bytes())


def test_a_thief_cannot_move_devices_to_another_fleet(made: SignedReleases, device: Device) -> None:
    targets = signed_targets(made)
    targets.signed.version += 1
    targets.signed.targets["fleet/authority.json"] = targets.signed.targets[NEW]
    targets.sign(made.online)
    with refused(device, "targets was signed by 0/1 keys"):
        put_targets(made, targets.to_bytes())


def test_a_thief_cannot_bring_old_targets_back(made: SignedReleases, device: Device, tmp_path: Path) -> None:
    (old,) = (tmp_path / "recorded" / "metadata").glob("*.targets.json")
    with refused(device, "targets.json version"):
        put_targets(made, old.read_bytes())


def test_a_thief_cannot_bring_back_what_was_served_before(
    made: SignedReleases, device: Device, tmp_path: Path
) -> None:
    with refused(device, "version"):
        shutil.rmtree(made.served)
        shutil.copytree(tmp_path / "recorded", made.served)


def test_a_thief_cannot_change_the_root(made: SignedReleases, device: Device) -> None:
    root = Metadata[Root].from_bytes(made.desk.roots()[0])
    mine = CryptoSigner.generate_ed25519()
    root.signed.version += 1
    for role in ("root", "targets"):
        root.signed.add_key(mine.public_key, role)
    for signer in (mine, made.online):
        root.sign(signer, append=True)
    with refused(device, "root was signed by 0/1 keys"):
        root.to_file(str(made.served / "metadata" / "2.root.json"))


def test_a_thief_can_keep_news_away_for_a_week_at_most_unnoticed(made: SignedReleases, device: Device) -> None:
    with refused(device, "timestamp.json is expired"):
        made.pass_by(timedelta(days=8))


def test_another_online_key_ends_what_a_thief_can_do_even_after_absurd_versions(
    made: SignedReleases, device: Device
) -> None:
    now, made.now = made.now, made.now + timedelta(days=365_000)
    metadata = made.served / "metadata"
    newest = max(metadata.glob("*.snapshot.json"), key=lambda path: int(path.name.split(".")[0])).read_bytes()
    stolen = sign_online(signed_targets(made).to_bytes(), (newest, None), made.online, made.now)
    for name, octets in stolen.items():
        (metadata / name).write_bytes(octets)
    made.now = now
    assert device.listed() == {OLD, NEW}
    made.rotate(online=CryptoSigner.generate_ed25519())
    for path in [*metadata.glob("*.snapshot.json"), metadata / "timestamp.json"]:
        path.unlink()
    made.release("2.3.0")
    made.publish()
    assert "client/2.3.0/pi_auto_client.py" in device.listed()


def test_a_device_that_was_off_for_a_year_takes_what_new_keys_have_signed(
    made: SignedReleases, device: Device
) -> None:
    for roles in (("root",), ("targets",), ("root", "targets")):
        made.pass_by(timedelta(days=122))
        made.rotate(*roles)
    made.release("3.0.0")
    made.publish()
    assert "client/3.0.0/pi_auto_client.py" in device.listed()


def test_what_old_targets_keys_sign_after_their_rotation_is_refused(made: SignedReleases, device: Device) -> None:
    old_keys = list(made.desk.keys.glob("targets-*"))
    made.rotate("targets")
    made.publish()
    assert device.listed() == {OLD, NEW}
    targets = signed_targets(made)
    targets.signed.version += 1
    forged = Metadata(targets.signed)
    made.desk.put_targets(forged)
    made.sign(*old_keys)
    with refused(device, "targets was signed by 0/1 keys"):
        put_targets(made, forged.to_bytes())
