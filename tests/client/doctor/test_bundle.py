"""The bundle: what helps is in it, and not one of the secrets that were planted all over the device."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest

from pi_auto.client.bulletin import Bulletin
from pi_auto.client.doctor.bundle.collecting import members
from pi_auto.client.doctor.bundle.writing import write_bundle
from pi_auto.client.doctor.findings import Finding, State
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.proxy import Proxy
from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import API
from pi_auto.client.spool.marks import Marks
from support.patients import KEY, TOKEN, Device
from support.stored import StoredScans

BARCODE = "4006381333931"
PROXY = Proxy("proxy.site", 3128)
PEM_LINE = "MHcCAQEEIIrHjZ8wQ0b2T3y9aXkq1QH5l0y3o8kQZ1v6yq2bqk4zoAoGCCqGSM49"
SECRETS = {
    "a password in the log": "correct horse battery",
    "a bearer in the journal": "journal.bearer-4711",
    "a signature of a SAS": "c2lnbmF0dXJlLW9mLW1pbmU",
    "a key in PEM": PEM_LINE,
    "a Wi-Fi code that was scanned": "wifi-code-4711",
    "a password in an address": "userinfo-4711",
    "a token under a key that is no setting": "stray-setting-4711",
    "the psk of a profile": "profile-psk-4711",
    "a secret in a bulletin": "bulletin-secret-4711",
    "the key of an old registration": "b2xkIGtleQ==old",
    "a batch token": "batch_" + "Zq7-_" * 8 + "abc",
    "another's batch token in the log": "batch_" + "Yw5_-" * 8 + "xyz",
    "a one-time secret in the log": "once_" + "Vt3-_" * 8 + "def",
    "a line of the device's key": "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcanary0canary1c/",
}
LOG = f"""\
2026-11-23 12:00:00 INFO barcode stored: number=1 uuid=u scanner=s text={BARCODE}
2026-11-23 12:00:01 INFO barcode stored: number=2 uuid=u scanner=s text=WIFI:S:shop;T:WPA;P:{{wifi}};;
2026-11-23 12:00:02 ERROR wrong password: {{password}}
2026-11-23 12:00:03 ERROR SharedAccessSignature sr=hub&sig={{sas}}&se=1
2026-11-23 12:00:04 ERROR -----BEGIN EC PRIVATE KEY-----\\n{PEM_LINE}\\n-----END EC PRIVATE KEY-----
2026-11-23 12:00:05 ERROR cannot use https://user:{{userinfo}}@fleet.example
2026-11-23 12:00:06 ERROR what was kept: {{key}} and {{quoted}} and {{claim}} and {{token}} and {{old}}
2026-11-23 12:00:06 ERROR the card held {{batch}}, {{other}} and {{once}}, and the key {{line}}
2026-11-23 12:00:07 INFO the last line
"""


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """A device with a secret in every corner, and a journal that tells one."""
    device = Device(tmp_path)
    device.register()
    claim = json.loads((device.state / "agent/identity.json").read_text())["claim"]
    old = SECRETS["the key of an old registration"]
    (device.state / "agent/registration.json.damaged-1").write_text(
        f'{{"answer": {{"connection_string": "HostName=h;DeviceId=d;SharedAccessKey={old}"'
    )
    (device.state / "agent/batch_token").write_text(SECRETS["a batch token"] + "\n")
    line = SECRETS["a line of the device's key"]
    (device.state / "agent/device_key.pem").write_text(
        f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"
    )
    (device.state / "agent/marks.sqlite").touch()
    device.file.write_text(
        json.dumps(
            {
                "server_url": f"https://user:{SECRETS['a password in an address']}@fleet.example",
                "fleet_token": SECRETS["a token under a key that is no setting"],
            }
        )
    )
    log = LOG.format(
        wifi=SECRETS["a Wi-Fi code that was scanned"], password=SECRETS["a password in the log"],
        sas=SECRETS["a signature of a SAS"], userinfo=SECRETS["a password in an address"],
        key=KEY, quoted=quote(KEY, safe=""), claim=claim, token=TOKEN, old=old,
        batch=SECRETS["a batch token"], other=SECRETS["another's batch token in the log"],
        once=SECRETS["a one-time secret in the log"], line=SECRETS["a line of the device's key"],
    )  # fmt: skip
    profile = f"[wifi-security]\npsk={SECRETS['the psk of a profile']}\n"
    device.show({"/etc/NetworkManager/system-connections/shop.nmconnection": profile})
    device.show({"/var/log/pi_auto_client.log": log, "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12"\n'})
    bulletin = Bulletin(device.state / "agent")
    bulletin.post("server", {"ok": False, "said": f"token={SECRETS['a secret in a bulletin']}"})
    (tmp_path / "bin").mkdir()
    bearer = SECRETS["a bearer in the journal"]
    tools = {
        "journalctl": f"echo 'Authorization: Bearer {bearer}'\necho usb 1-1: new device",
        "systemctl": "echo Id=pi-auto-client.service\necho ActiveState=active",
    }
    for name, script in tools.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return device


def admitted(device: Device) -> Patient:
    """The device as doctor takes it in, from its broken settings file."""
    patient = Patient.admit(device.file, {"state": str(device.state)})
    settings = Settings(state=device.state, server_url=device.settings.server_url, proxy=PROXY)
    return Patient(settings, device.file, patient.trouble, root=device.root)


def written(device: Device, *, with_barcodes: bool = False) -> dict[str, str]:
    """What the bundle holds, unpacked."""
    patient = admitted(device)
    findings = [Finding("settings", State.WRONG, patient.trouble, "mend it")]
    path = device.root / "bundle.zip"
    with path.open("wb") as paper:
        write_bundle(patient, findings, paper, with_barcodes=with_barcodes)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("with_barcodes", [False, True])
def test_no_secret_is_anywhere_in_it(device: Device, with_barcodes: bool) -> None:
    claim = json.loads((device.state / "agent/identity.json").read_text())["claim"]
    everything = "\n".join(written(device, with_barcodes=with_barcodes).values())
    planted = SECRETS | {
        "the claim": claim,
        "the token": TOKEN,
        "the key": KEY,
        "the key, quoted": quote(KEY, safe=""),
    }
    assert [what for what, secret in planted.items() if secret in everything] == []


def test_what_helps_is_in_it(device: Device) -> None:
    held = written(device)
    assert list(held) == [*(member.name for member in members(admitted(device), [])), "left-out.txt"]
    assert json.loads(held["doctor.json"])[0]["state"] == "wrong"
    settings = json.loads(held["settings.json"])
    assert (settings["server_url"], settings["proxy"]) == (device.settings.server_url, str(PROXY))
    assert json.loads(held["status.json"])["device_id"]
    assert json.loads(held["versions.json"])["system"] == 'PRETTY_NAME="Debian GNU/Linux 12"'
    assert "ActiveState=active" in held["units.txt"]
    assert "the last line" in held["log.txt"]
    assert "usb 1-1: new device" in held["kernel.txt"]
    assert "registration.json" in held["files.txt"]
    assert "server" in json.loads(held["bulletins.json"])["agent"]["posts"]


def test_a_tower_of_brackets_in_a_bulletin_costs_the_bundle_that_member_alone(device: Device) -> None:
    tower = '{"posts": ' + "[" * 600 + "]" * 600 + "}"  # which can be read, and is too deep for what follows
    (device.state / "agent/bulletin.json").write_text(tower)
    held = written(device)
    assert "bulletins.json: left out: maximum recursion depth" in held["left-out.txt"]
    assert "the last line" in held["log.txt"]


def test_what_it_lacks_is_told_in_it(device: Device) -> None:
    told = written(device)["left-out.txt"]
    assert told.startswith("made with the rights of the user ")
    assert "no input devices are seen from here" in told
    device.show({"dev/input/event0": ""})
    (device.root / "var/log/pi_auto_client.log").unlink()
    told = written(device)["left-out.txt"]
    assert "no input devices" not in told
    assert "log.txt: left out: " in told
    assert KEY not in told


def test_barcodes_are_in_it_only_when_asked_for(device: Device) -> None:
    stored = StoredScans(device.state)
    (record,) = stored.scan(BARCODE)
    (device.state / "agent/marks.sqlite").unlink()
    marks = Marks(device.state / "agent/marks.sqlite")
    body = json.dumps(record.to_json())
    marks.set_aside(API, record.position, record.uuid, body, f"text is '{BARCODE}'; allowed: better")
    marks.close()
    stored.close()
    assert BARCODE not in "\n".join(written(device).values())
    held = written(device, with_barcodes=True)
    assert json.loads(held["status.json"])["newest_scan"]["text"] == BARCODE
    assert BARCODE in held["log.txt"]


def test_a_member_that_cannot_be_made_says_why_in_its_place(device: Device) -> None:
    (device.root / "var/log/pi_auto_client.log").unlink()
    held = written(device)
    assert "No such file" in held["log.txt"]
    assert "ActiveState=active" in held["units.txt"]


def test_of_an_endless_log_the_end_is_taken(device: Device) -> None:
    line = "2026-11-23 12:00:00 INFO nothing to tell\n"
    device.show({"/var/log/pi_auto_client.log": line * 100_000 + "the very last\n"})
    log = written(device)["log.txt"]
    assert len(log) < 1024 * 1024
    assert log.endswith("the very last\n")
    assert log.startswith("2026-11-23 12:00:00")


def test_a_clock_in_1970_is_no_reason_to_write_none(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", lambda *_: time.gmtime(0))
    assert "log.txt" in written(device)


def test_the_command_writes_it_for_its_caller_alone_and_says_what_went_in(tmp_path: Path) -> None:
    device, bundle = Device(tmp_path), tmp_path / "bundle.zip"
    device.register()
    command = [sys.executable, "-m", "pi_auto.client.cli", "doctor", "--state", str(device.state)]
    command += ["--config", str(device.file), "--bundle", str(bundle)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            assert name in done.stdout
    assert "--with-barcodes" in done.stdout
    assert KEY not in done.stdout
