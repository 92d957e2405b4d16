from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from sqlalchemy import update
from tuf.ngclient import Updater

from pi_auto.server.audit.tables import audit
from pi_auto.server.releases import words
from pi_auto.server.releases.entering import enter, enter_all, listed_in
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.publishing import publish
from pi_auto.server.releases.tables import releases
from pi_auto.wire.errors import FieldError
from pi_auto.wire.server_address import ServerAddress
from support.api import NOW
from support.release_office import Office, open_office
from support.signed_releases import SignedReleases, serving
from support.waiting import wait_until


def believed(office: Office, folder: Path, root: str) -> list[str]:
    """What TUF's own client finds listed, from what this server serves just now."""
    place = office.shelf.generation()
    assert place
    folder.mkdir(exist_ok=True)
    served = folder / "served" / "metadata"
    served.mkdir(parents=True, exist_ok=True)
    for path in place.iterdir():
        shutil.copy(path, served / path.name)
    with serving(folder / "served") as url:
        client = Updater(str(folder), f"{url}/metadata/", bootstrap=root.encode())
        client._trusted_set.reference_time = office.api.clock.now
        client.refresh()
        return sorted(client._trusted_set.targets.targets)


def test_what_is_published_is_in_the_books_the_card_and_the_audit(office: Office) -> None:
    release = office.made.release("2.1.0", notes="faster")
    assert office.publish() == {"root": 1, "releases": ["2.1.0"]}
    (row,) = office.api.rows(releases)
    assert (row.counter, row.version, row.target, row.notes) == (1, "2.1.0", release.target, "faster")
    assert (row.update_id, row.published_by, row.published_at) == (office.made.update_id(release), "admin", NOW)
    assert office.ask("card")["card"]["update_root"] == office.made.root
    assert office.api.get("/api/fleet_card").get_json()["update_root"] == office.made.root
    assert [(row.action, row.outcome) for row in office.api.rows(audit)][-2:] == [
        ("publish", "root 1: 2.1.0"), ("card", "handed out"),
    ]  # fmt: skip


def test_from_which_release_on_another_may_be_taken_is_in_the_books_and_in_those_of_before_as_well(
    office: Office,
) -> None:
    office.made.release("2.1.0")
    office.made.release("2.2.0", least_counter=1)
    office.publish()
    unfilled = update(releases).values(least_counter=0)
    office.api.context.writer.submit(lambda books: books.execute(unfilled)).result(60)
    enter_all(office.api.context, "server")  # as at each start
    assert {row.version: row.least_counter for row in office.api.rows(releases)} == {"2.1.0": 0, "2.2.0": 1}
    listed = office.ask("release list")
    assert ", from counter 1 on" in words.listed(listed).splitlines()[0]
    assert "from counter" not in words.listed(listed).splitlines()[1]


def test_who_enters_what_was_published_late_withdraws_nothing_newer(office: Office) -> None:
    """Two publish at once, and who was first to read what is listed is the last to write it into the books."""
    office.made.release("2.1.0")
    office.publish()
    known = [(row.counter, row.version, row.update_id) for row in office.api.rows(releases)]
    office.made.release("2.2.0")
    bundle = shutil.copytree(office.made.desk.bundle, office.shelf.incoming / "second", symlinks=True)
    writer, begun, over = office.api.context.writer, threading.Event(), threading.Event()

    def busy(_: object) -> None:
        begun.set()
        over.wait(60)

    writer.submit(busy)
    assert begun.wait(60)
    newer = writer.submit(lambda books: enter(books, listed_in(office.shelf.targets() or b""), "ann", NOW))
    late = threading.Thread(target=enter_all, args=(office.api.context, "bob"))
    late.start()
    wait_until(lambda: writer._jobs.qsize() == 2, 30, "both wait for the writer")
    publish(office.shelf, bundle, office.made.online, known, NOW)
    over.set()
    newer.result(60)
    late.join(60)
    assert [(row.version, row.withdrawn_at) for row in office.api.rows(releases)] == [
        ("2.1.0", None), ("2.2.0", None),
    ]  # fmt: skip


def test_a_root_can_be_adopted_before_anything_is_released(office: Office, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    (bundle / "metadata").mkdir(parents=True)
    (bundle / "metadata" / "1.root.json").write_bytes(office.made.desk.roots()[0])
    assert office.publish(bundle) == {"root": 1, "releases": []}
    assert office.ask("card")["card"]["update_root"] == office.made.root
    office.made.release("2.1.0")
    office.publish()
    assert believed(office, tmp_path / "client", office.made.first_root) == ["client/2.1.0/pi_auto_client.py"]


def test_a_release_that_is_listed_no_more_is_withdrawn(office: Office) -> None:
    office.made.release("2.1.0")
    office.made.release("2.2.0")
    office.publish()
    office.made.withdraw("2.2.0")
    office.publish()
    rows = {row.version: row for row in office.api.rows(releases)}
    assert rows["2.1.0"].withdrawn_at is None
    assert (rows["2.2.0"].withdrawn_at, rows["2.2.0"].withdrawn_by) == (NOW, "admin")
    assert office.made.release("2.3.0").counter == 3
    assert office.publish()["releases"] == ["2.1.0", "2.3.0"]


def refused(office: Office, bundle: Path | None = None) -> str:
    before = office.shelf.generation()
    with pytest.raises(FieldError) as error:
        office.publish(bundle)
    assert office.shelf.generation() == before
    assert not list(office.shelf.incoming.iterdir())
    return str(error.value)


def test_a_bundle_with_a_secret_key_is_refused_and_nothing_of_it_is_kept(office: Office) -> None:
    office.made.release("2.1.0")
    shutil.copy(next(office.made.desk.keys.iterdir()), office.made.desk.bundle / "metadata" / "1.targets.json")
    assert "no server may ever hold one" in refused(office)
    pem = CryptoSigner.generate_ed25519().private_bytes
    (office.made.desk.bundle / "metadata" / "1.targets.json").write_bytes(pem)
    assert "no server may ever hold one" in refused(office)
    assert b"pi-auto release key" not in b"".join(p.read_bytes() for p in office.data.rglob("*") if p.is_file())


def test_an_archive_that_is_not_the_one_that_was_signed_is_refused(office: Office) -> None:
    release = office.made.release("2.1.0")
    archive = office.made.archive_of(release)
    content = archive.read_bytes()
    archive.write_bytes(content[:-1] + b"?")
    assert "not the one that was signed" in refused(office)
    archive.write_bytes(content[:-1])
    assert "not the one that was signed" in refused(office)
    archive.unlink()
    assert "lacks the file" in refused(office)
    archive.symlink_to("/etc/passwd")
    assert "which is no file" in refused(office)


def test_metadata_that_were_changed_are_refused(office: Office) -> None:
    office.made.release("2.1.0")
    (targets,) = (office.made.desk.bundle / "metadata").glob("*.targets.json")
    held = json.loads(targets.read_bytes())
    held["signed"]["targets"]["client/2.1.0/pi_auto_client.py"]["custom"]["counter"] = 9
    targets.write_text(json.dumps(held))
    assert "is not signed as root version 1 wants it" in refused(office)


def test_keys_of_another_fleet_or_another_servers_key_are_refused(office: Office, tmp_path: Path) -> None:
    office.made.release("2.1.0")
    office.publish()
    other = SignedReleases(tmp_path / "other", online=office.made.online, now=NOW)
    assert "these are other keys" in refused(office, other.desk.bundle)
    office.made.rotate(online=CryptoSigner.generate_ed25519())
    assert "does not name this server's key" in refused(office)


def test_an_authority_that_would_end_all_updates_or_let_devices_in_is_refused(office: Office) -> None:
    assert office.api.context.fleet
    card = office.api.context.fleet.card(()).to_json()
    office.made.authority(json.dumps(card).encode())
    assert "names no update root" in refused(office)
    with pytest.raises(ReleaseError, match="batch token"):
        office.made.authority(json.dumps(card | {"batch_token": "batch_" + "t" * 43}).encode())


def test_an_authority_is_replaced_by_a_newer_one_alone(office: Office, tmp_path: Path) -> None:
    assert office.api.context.fleet
    for host in ("a.example", "b.example"):
        card = office.api.context.fleet.card((ServerAddress(host),), update_root=office.made.root)
        office.made.authority(json.dumps(card.to_json()).encode())
        office.publish()
        shutil.copytree(office.made.desk.bundle, tmp_path / host)
    targets = office.made.desk.targets()
    assert targets
    assert targets.signed.targets["fleet/authority.json"].custom == {"counter": 2}
    assert [path.name.split(".")[1:] for path in (office.shelf.folder / "targets" / "fleet").iterdir()] == [
        ["authority", "json"]
    ]
    assert "is published already" in refused(office, tmp_path / "a.example")


def test_a_root_or_targets_without_enough_signatures_are_refused(tmp_path: Path) -> None:
    with open_office(tmp_path) as office:
        office.made = SignedReleases(tmp_path / "two", online=office.made.online, numbers=(3, 2), now=NOW)
        office.made.release("2.1.0")
        office.publish()
        (targets,) = (office.made.desk.bundle / "metadata").glob("*.targets.json")
        held = json.loads(targets.read_bytes())
        for number, signature in enumerate(held["signatures"]):
            signature["sig"] = signature["sig"] if number == 0 else "00" * 64
        held["signed"]["version"] += 1
        targets.write_text(json.dumps(held))
        assert "wants it" in refused(office)


def test_older_targets_and_used_counters_are_refused(office: Office, tmp_path: Path) -> None:
    office.made.release("2.1.0")
    shutil.copytree(office.made.desk.bundle, tmp_path / "old")
    office.made.release("2.2.0")
    office.publish()
    assert "is published already" in refused(office, tmp_path / "old")
    office.made.withdraw("2.2.0")
    office.made.release("2.3.0", counter=2)
    assert "a release that is to be taken needs a higher one" in refused(office)


@pytest.mark.parametrize("files", [None, {"pi_auto/new.py": b"mended"}])
def test_what_was_withdrawn_is_not_listed_once_more(office: Office, files: dict[str, bytes] | None) -> None:
    """The books know it as withdrawn, so that it would be offered to nobody."""
    office.made.release("2.1.0")
    office.made.release("2.2.0")
    office.publish()
    office.made.withdraw("2.2.0")
    office.publish()
    office.made.release("2.2.0", files)
    said = refused(office)
    assert "2.2.0 was published before, and is withdrawn" in said
    assert "--as-version" in said


def test_metadata_that_have_expired_are_refused(office: Office) -> None:
    office.made.release("2.1.0")
    office.api.clock.pass_by(timedelta(days=400).total_seconds())
    assert "the targets expired" in refused(office)


class Cut(BaseException):
    """The power goes."""


@contextmanager
def power_goes_at(call: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever is written, the `call`-th time that it would be made durable or named never comes."""
    left = call

    def counted(real: object) -> object:
        def step(*arguments: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise Cut
            return real(*arguments, **named)  # type: ignore[operator]

        return step

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", counted(os.fsync))
        patched.setattr(Path, "rename", counted(Path.rename))
        yield


def test_wherever_the_power_goes_the_old_state_is_served_or_the_new_one_and_the_next_try_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[bool] = set()
    with open_office(tmp_path) as office:
        office.made.release("2.1.0")
        office.publish()
        shutil.copytree(office.shelf.folder, tmp_path / "before")
        office.made.rotate("root", "targets")
        new_one = office.made.release("2.2.0").target
        for call in range(1, 200):
            shutil.rmtree(office.shelf.folder)
            shutil.copytree(tmp_path / "before", office.shelf.folder)
            incoming = office.shelf.incoming / "0123456789abcdef"
            shutil.copytree(office.made.desk.bundle, incoming)
            try:
                with power_goes_at(call, monkeypatch):
                    publish(office.shelf, incoming, office.made.online, [], NOW)
            except Cut:
                listed = believed(office, tmp_path / f"client{call}", office.made.first_root)
                seen.add(new_one in listed)
                assert len(listed) == 1 + (new_one in listed)
                shutil.rmtree(incoming)
                shutil.copytree(office.made.desk.bundle, incoming)
                publish(office.shelf, incoming, office.made.online, [], NOW)
                assert new_one in believed(office, tmp_path / f"again{call}", office.made.first_root)
            else:
                break
        assert seen == {True, False}
        assert call > 10
