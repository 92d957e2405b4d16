"""doctor as root calls it, on an installed machine: it looks by the agent's rights, and writes by the caller's."""

from __future__ import annotations

import json
import stat
import zipfile
from typing import Any

import pytest

from support.box import Box

INSTALL = "./install_pi_client.sh --server https://fleet.invalid:5443 >/dev/null;"
AGENT = "/var/lib/pi-auto-client/agent"
ROOTS_OWN = "the-root-of-all-secrets"


def found(said: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(said)["findings"]}


def test_what_the_installer_did_is_all_right(box: Box) -> None:
    _, said = box.run(f"{INSTALL} pi-auto-client doctor --json")
    findings = found(said)
    assert findings["permissions"]["state"] == "ok", findings["permissions"]
    assert findings["settings"]["what"].endswith("names the server https://fleet.invalid:5443")
    assert "no address" in findings["names"]["what"]


@pytest.mark.parametrize(
    ("name", "told"),
    [("registration.json", "Permission denied"), ("bulletin.json", "the agent tells nothing")],
)
def test_a_link_that_the_agent_has_planted_opens_nothing_of_roots(box: Box, name: str, told: str) -> None:
    box.write("/root/own.json", json.dumps({"claim": ROOTS_OWN, "token": ROOTS_OWN}), mode=0o600)
    plant = f"ln -s /root/own.json {AGENT}/{name}; chown -h pi-auto {AGENT}/{name};"
    identity = json.dumps({"device_id": "pi-1a2b3c4d", "claim": "0" * 64})
    box.write("/home/pi/identity.json", identity)
    plant += f"install -o pi-auto -m 600 identity.json {AGENT}/;"
    code, said = box.run(f"{INSTALL} {plant} pi-auto-client doctor --json --bundle bundle.zip 2>/dev/null")
    assert code == 1
    assert told in found(said)["registration"]["what"]
    assert ROOTS_OWN not in said
    with zipfile.ZipFile(box.path("/home/pi/bundle.zip")) as archive:
        assert not [each for each in archive.namelist() if ROOTS_OWN.encode() in archive.read(each)]


def test_the_bundle_belongs_to_who_called_sudo(box: Box) -> None:
    box.run(f"{INSTALL} SUDO_UID=4711 SUDO_GID=4712 pi-auto-client doctor --bundle /home/pi/bundle.zip")
    status = box.path("/home/pi/bundle.zip").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (4711, 4712, 0o600)


def test_a_link_in_the_bundles_place_is_not_followed(box: Box) -> None:
    box.write("/root/own", "untouched", mode=0o600)
    code, said = box.run(f"{INSTALL} ln -s /root/own bundle.zip; pi-auto-client doctor --bundle bundle.zip")
    assert code == 2
    assert "is there already" in said
    assert box.path("/root/own").read_text() == "untouched"


def test_without_sudo_it_says_which_checks_need_more_rights(box: Box) -> None:
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups -- pi-auto-client doctor"
    _, said = box.run(f"{INSTALL} {nobody}")
    (line,) = [line for line in said.splitlines() if line.startswith("These need more rights")]
    needy = line.partition(": ")[2].partition(".")[0].split(", ")
    assert {"registration", "hub", "scanner", "queue", "update"} <= set(needy)
    assert "names the server https://fleet.invalid:5443" in said
