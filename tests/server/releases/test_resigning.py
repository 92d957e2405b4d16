from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from pi_auto.server.releases.online import online_file
from pi_auto.server.releases.resigning import is_due, sign_anew, sign_if_due
from support.api import NOW
from support.release_office import Office, open_office
from support.signed_releases import expiry

DAY = timedelta(days=1).total_seconds()


@pytest.fixture
def published(office: Office) -> Office:
    office.made.release("2.1.0")
    office.publish()
    return office


def stamp(office: Office) -> bytes:
    held = office.shelf.timestamp()
    assert held
    return held


def test_the_timestamp_is_signed_anew_once_a_day(published: Office) -> None:
    assert expiry(stamp(published)) == "2026-11-30T12:05:00Z"
    assert not sign_if_due(published.api.context)
    published.api.clock.pass_by(DAY + 1)
    assert sign_if_due(published.api.context)
    assert expiry(stamp(published)) == "2026-12-01T12:05:01Z"
    assert not sign_if_due(published.api.context)


def test_nothing_is_signed_before_something_is_published(office: Office) -> None:
    assert not sign_if_due(office.api.context)
    assert not online_file(office.data).parent.joinpath("releases").exists()


def test_versions_always_grow_though_the_clock_goes_back(published: Office) -> None:
    versions = []
    for days in (3, -2, 1):
        published.api.clock.pass_by(days * DAY)
        sign_anew(published.shelf, published.made.online, published.api.clock.now)
        versions.append(json.loads(stamp(published))["signed"]["version"])
    assert versions == sorted(set(versions))


def test_a_server_that_comes_back_from_a_backup_signs_no_version_a_second_time(
    published: Office, tmp_path: Path
) -> None:
    shutil.copytree(published.shelf.folder, tmp_path / "backup")
    published.api.clock.pass_by(5 * DAY)
    assert sign_if_due(published.api.context)
    seen = json.loads(stamp(published))["signed"]["version"]
    shutil.rmtree(published.shelf.folder)
    shutil.copytree(tmp_path / "backup", published.shelf.folder)
    published.api.clock.pass_by(3600)
    assert sign_if_due(published.api.context)
    assert json.loads(stamp(published))["signed"]["version"] > seen


def test_a_timestamp_of_the_far_future_is_signed_anew(published: Office) -> None:
    published.api.clock.pass_by(900 * DAY)
    sign_anew(published.shelf, published.made.online, published.api.clock.now)
    published.api.clock.pass_by(-900 * DAY)
    assert sign_if_due(published.api.context)
    assert expiry(stamp(published)) == "2026-11-30T12:05:00Z"


_SIGNING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from pi_auto.server.releases.resigning import sign_anew
from pi_auto.server.releases.shelf import Shelf

shelf = Shelf(Path(sys.argv[1]))
signer = CryptoSigner(load_pem_private_key(Path(sys.argv[2]).read_bytes(), None))
for _ in range(5):
    with shelf.locked():
        sign_anew(shelf, signer, datetime(2026, 11, 23, 12, 5, tzinfo=UTC))
"""


def test_several_processes_sign_one_after_the_other(published: Office, tmp_path: Path) -> None:
    before = json.loads(stamp(published))["signed"]["version"]
    (tmp_path / "key.pem").write_bytes(published.made.online.private_bytes)
    command = [sys.executable, "-c", _SIGNING, str(published.data), str(tmp_path / "key.pem")]
    others = [subprocess.Popen(command) for _ in range(2)]
    assert [other.wait(60) for other in others] == [0, 0]
    assert json.loads(stamp(published))["signed"]["version"] == before + 10
    assert not is_due(published.shelf, NOW)


def test_health_warns_when_signing_fails_and_before_people_have_to_sign(published: Office) -> None:
    def troubles() -> list[str]:
        found: list[str] = published.api.get("/api/health").get_json()["updates"]["troubles"]
        return found

    assert troubles() == []
    online_file(published.data).write_bytes(b"broken")
    published.api.clock.pass_by(3 * DAY)
    with pytest.raises(Exception, match="cannot be used"):
        sign_if_due(published.api.context)
    (late,) = troubles()
    assert late.startswith("updates were not signed anew for days: the timestamp expires 2026-11-30;")
    published.api.clock.pass_by(320 * DAY)
    (targets, timestamp) = troubles()
    assert targets.startswith("the targets of updates expires 2027-11-24; run `pi-auto-server release keys renew")
    assert "expired 2026-11-30, so no device takes any" in timestamp
    assert published.ask("release list")["updates"]["troubles"] == [targets, timestamp]


def test_a_renewed_online_key_signs_once_the_root_names_it(tmp_path: Path) -> None:
    with open_office(tmp_path) as office:
        office.made.release("2.1.0")
        office.publish()
        key = office.ask("online key", renew=True)["key"]
        office.api.clock.pass_by(2 * DAY)
        with pytest.raises(Exception, match="does not name this server's key"):
            sign_if_due(office.api.context)
        assert office.ask("online key")["key"] == key
