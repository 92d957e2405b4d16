"""An update by the real switcher out of the real archive: real users, rights and self-tests, without systemd."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.clock import boot_id
from pi_auto.wire.release import Release
from support.box import Box
from support.releases import release_of
from support.update_fleet import UpdateFleet, hand_over

STATE, OPT = "/var/lib/pi-auto-client", "/opt/pi-auto-client"
INSTALL = "./install_pi_client.sh --server https://fleet.example:5443"
SWITCH = "/usr/local/bin/pi-auto-switcher --stable 0.1 --deadline 5"
NEW = "9.9.9"
POSTS: dict[str, dict[str, Any]] = {
    "capture": {"scanners": [], "troubles": {}, "storing": {"ok": True, "said": ""}},
    "agent": {"server": {"ok": True, "said": ""}},
}


def with_changes(version: str, files: Mapping[str, bytes]) -> bytes:
    """The present code under another version, with some files changed or added."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "packaging"))
    try:
        from archive import as_zipapp  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
        from contents import File  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
    finally:
        sys.path.pop(0)
    with zipfile.ZipFile(BytesIO(release_of(version))) as opened:
        held = {
            one.filename: (opened.read(one), bool(one.external_attr >> 16 & 0o100)) for one in opened.infolist()
        }
    if not any(name.startswith("tuf/") for name in held):
        pytest.skip("this archive brings no python-tuf along")
    held |= {name: (content, False) for name, content in files.items()}
    made: bytes = as_zipapp(sorted(File(name, *one) for name, one in held.items()), 1_790_000_000)
    return made


@pytest.fixture
def fleet() -> UpdateFleet:
    return UpdateFleet()


@pytest.fixture
def installed(box: Box, fleet: UpdateFleet) -> Box:
    """The base release has the root of the fleet's updates in it; both services tell that all is well."""
    base = with_changes("9.0.0", {"appliance/update_root.json": fleet.roots[0]})
    box.write("/home/pi/pi_auto_client.py", base, mode=0o755)
    code, said = box.run(INSTALL)
    assert code == 0, said
    for program, news in POSTS.items():
        posts = {name: {"since": 1, "news": one} for name, one in news.items()}
        box.write(f"{STATE}/{program}/bulletin.json", json.dumps({"boot": boot_id(), "pid": 1, "posts": posts}))
    return box


def offer(box: Box, fleet: UpdateFleet, tmp_path: Path, archive: bytes) -> None:
    about = Release(NEW, 2, 8 * 1024 * 1024, 1_790_000_000)
    digest = fleet.publish(about.target, archive, about.to_json())
    request = {"target": about.target, "update_id": digest, "version": NEW}
    hand_over(tmp_path, archive, fleet.files(), request)
    subprocess.run(["tar", "-C", str(tmp_path), "-cf", str(box.path("/home/pi/update.tar")), "update"], check=True)
    code, said = box.run(
        f"tar -C {STATE}/agent -xf update.tar && chown -R pi-auto: {STATE}/agent/update"
        " && mkdir -p /run/pi-auto-client && chown pi-auto: /run/pi-auto-client"
        f" && setpriv --reuid=pi-auto --clear-groups touch /run/pi-auto-client/update && {SWITCH}"
    )
    assert code == 0, said


def steps(box: Box) -> list[str]:
    told = json.loads(box.path(f"{STATE}/update-told/told.json").read_text())["steps"]
    return [f"{one['step']} {one['reason']}".strip() for one in told]


def current(box: Box) -> str:
    return box.path(f"{OPT}/current").readlink().name


def test_a_signed_release_is_switched_to_with_its_system_files(
    installed: Box, fleet: UpdateFleet, tmp_path: Path
) -> None:
    rules = b"# new rules\n"
    offer(installed, fleet, tmp_path, with_changes(NEW, {"appliance/system/etc/udev/rules.d/99-new.rules": rules}))
    assert steps(installed) == ["verified", "trial", "committed"]
    assert current(installed) == NEW
    assert installed.path("/etc/udev/rules.d/99-new.rules").read_bytes() == rules
    (backup,) = installed.path(STATE).glob("backup_9.0.0_*.zip")
    assert backup.stat().st_mode & 0o777 == 0o600
    code, said = installed.run("/usr/local/bin/pi-auto-client rollback")
    assert (code, "version 9.0.0 runs again" in said) == (0, True), said
    assert not installed.path("/etc/udev/rules.d/99-new.rules").exists()
    assert steps(installed)[-1] == "rolled_back it was gone back from by hand"


def test_a_release_that_does_not_load_here_is_refused(installed: Box, fleet: UpdateFleet, tmp_path: Path) -> None:
    broken = {"pi_auto/client/agent/agent.py": b"import a_package_that_is_missing\n"}
    offer(installed, fleet, tmp_path, with_changes(NEW, broken))
    assert steps(installed)[0] == "verified"
    assert steps(installed)[-1].startswith("refused its self-test as pi-auto has failed")
    assert "a_package_that_is_missing" in steps(installed)[-1]
    assert current(installed) == "9.0.0"


def test_while_an_update_is_tried_out_the_installer_refuses_and_names_the_way_out(installed: Box) -> None:
    installed.write(f"{STATE}/update/state.json", "{}")
    code, said = installed.run(INSTALL)
    assert code == 1
    assert "an update is being tried out" in said
    assert "pi-auto-client rollback" in said
    code, said = installed.run("pi-auto-client factory-reset --yes --delete-undelivered")
    assert code == 1
    assert "an update is being tried out" in said
