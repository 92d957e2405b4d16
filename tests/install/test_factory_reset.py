"""`sudo pi-auto-client factory-reset`, on a machine that is thrown away afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.box import Box

INSTALL = "./install_pi_client.sh --server https://fleet.example:5443"
RESET = "pi-auto-client factory-reset"
LOSE = "--delete-undelivered --yes"
STATE = "/var/lib/pi-auto-client"
SETTINGS = "/etc/pi_auto_client.json"
MARK = f"{STATE}/factory-reset"
UNITS = "pi-auto-capture.service pi-auto-client.service"
CANARY = "canary-7f3a"
WIFI = f"[connection]\ntype=wifi\n[wifi-security]\npsk={CANARY}\n"
# What a device knows and a reset has to erase, by the thing that it is.
PLANTED = {
    "identity": (f"{STATE}/agent/identity.json", CANARY),
    "token and connection string": (f"{STATE}/agent/registration.json", CANARY),
    "pins and whatever comes later": (f"{STATE}/agent/pins/fleet.pem", CANARY),
    "marks": (f"{STATE}/agent/marks.sqlite", CANARY),
    "the agent's copy of the settings": (f"{STATE}/agent/settings.json", CANARY),
    "queue": (f"{STATE}/capture/spool.sqlite", CANARY),
    "the queue's log": (f"{STATE}/capture/spool.sqlite-wal", CANARY),
    "a queue set aside": (f"{STATE}/capture/set-aside/1/spool.sqlite", CANARY),
    "learned scanners": (f"{STATE}/capture/learned.json", CANARY),
    "capture's copy of the settings": (f"{STATE}/capture/settings.json", CANARY),
    "what root keeps": (f"{STATE}/releases/metadata.json", CANARY),
    "a copy of the settings": ("/etc/pi_auto_client.json.bak", CANARY),
    "backup": ("/tmp/backup_0.1.zip", CANARY),  # noqa: S108 - the guide's
    "log": ("/var/log/pi_auto_client.log", CANARY),
    "rotated log": ("/var/log/pi_auto_client.log.3.gz", CANARY),
    "syslog": ("/var/log/syslog.1", CANARY),
    "journal": ("/var/log/journal/0123/system.journal", CANARY),
    "archived journal": ("/var/log/journal/0123/system@0-1.journal", CANARY),
    "Wi-Fi": ("/etc/NetworkManager/system-connections/shop.nmconnection", WIFI),
    "Wi-Fi by netplan": ("/etc/netplan/90-NM-1.yaml", f"network:\n  wifis:\n    password: {CANARY}\n"),
    "Wi-Fi by wpa_supplicant": ("/etc/wpa_supplicant/wpa_supplicant.conf", f"network={{\npsk={CANARY}\n}}\n"),
    "seen networks": ("/var/lib/NetworkManager/seen-bssids", CANARY),
    "lease": ("/var/lib/NetworkManager/internal-1-eth0.lease", CANARY),
}
LIKENESS = {
    "host key": ("/etc/ssh/ssh_host_ed25519_key", CANARY),
    "random seed": ("/var/lib/systemd/random-seed", CANARY),
    "DUID": ("/var/lib/dhcpcd/duid", CANARY),
    "shell history": ("/home/pi/.bash_history", CANARY),
    "machine id": ("/etc/machine-id", CANARY),
}
STEPS = [
    "still", "erase_scans", "erase_identity", "forget_settings", "forget_networks", "erase_what_is_left",
    "erase_likeness", "erase_journal", "make_folders",
]  # fmt: skip


@pytest.fixture
def used(box: Box) -> Box:
    """An installed machine that has been in use."""
    code, said = box.run(INSTALL)
    assert code == 0, said
    for path, content in (PLANTED | LIKENESS).values():
        box.write(path, content)
    settings = json.loads(box.path(SETTINGS).read_text())
    box.write(SETTINGS, json.dumps(settings | {"log_barcodes": False, "connection_string": CANARY}))
    code, said = box.run(
        f"cd {STATE} && chown -R pi-auto agent && chown -R pi-auto-capture capture; "
        f"chmod 1777 /tmp; touch /srv/active-{UNITS.replace(' ', ' /srv/active-')}"
    )
    assert code == 0, said
    box.called()
    return box


def everything(box: Box) -> dict[str, bytes]:
    """All files of the machine, but for the release and what was copied to it."""
    return {
        str(path.relative_to(box.path("/"))): path.read_bytes()
        for path in sorted(box.path("/").rglob("*"))
        if path.is_file() and not {"opt", "srv", "usr"} & set(path.relative_to(box.path("/")).parts[:1])
    }


def betrayed(box: Box) -> list[str]:
    """The files that still hold what was planted."""
    return [name for name, content in everything(box).items() if CANARY.encode() in content]


def test_it_erases_who_the_device_was_and_where_it_has_been(used: Box) -> None:
    code, said = used.run(f"{RESET} {LOSE}")
    assert code == 0, said
    assert "This device is erased, and its services are stopped" in said
    assert betrayed(used) == [path.lstrip("/") for path, _ in sorted(LIKENESS.values())]
    assert json.loads(used.path(SETTINGS).read_text()) == {
        "server_url": "https://fleet.example:5443", "log_barcodes": False,
    }  # fmt: skip


def test_the_services_are_stopped_and_stay_so_and_find_their_folders(used: Box) -> None:
    code, said = used.run(f"{RESET} {LOSE}; stat -c '%n %a %U' {STATE}/* /var/log/pi_auto_client.log")
    assert said.splitlines()[-4:] == [
        f"{STATE}/agent 2710 pi-auto", f"{STATE}/capture 2750 pi-auto-capture", f"{STATE}/clock 755 root",
        "/var/log/pi_auto_client.log 660 pi-auto-capture",
    ]  # fmt: skip
    assert code == 0
    calls = used.called()
    assert f"systemctl stop {UNITS}" in calls
    assert not [call for call in calls if {"start", "restart", "disable"} & set(call.split())]


def test_for_cloning_it_also_erases_what_copies_must_not_share(used: Box) -> None:
    code, said = used.run(f"{RESET} --for-cloning {LOSE}")
    assert code == 0, said
    assert "Power it off now" in said
    assert betrayed(used) == []
    assert used.path("/etc/machine-id").read_bytes() == b""


def test_its_server_is_forgotten_if_asked_for(used: Box) -> None:
    assert used.run(f"{RESET} --forget-server {LOSE}")[0] == 0
    assert json.loads(used.path(SETTINGS).read_text()) == {"log_barcodes": False}


@pytest.mark.parametrize("options", ["--yes", "", "--yes --for-cloning --forget-server"])
def test_scans_of_which_nobody_knows_are_not_lost(used: Box, options: str) -> None:
    before = everything(used)
    code, said = used.run(f"{RESET} {options}")
    assert code == 1
    assert "an unknown number of scans have not been delivered" in said
    assert everything(used) == before
    assert f"systemctl stop {UNITS}" not in used.called()


SCAN = """
import sys; sys.path[:0] = ["/home/pi/pi_auto_client.py"]
from pathlib import Path
from pi_auto.client.clock import system_clock
from pi_auto.client.spool.drafts import IncidentDraft
from pi_auto.client.spool.writer import Spool
spool = Spool.open(Path("/var/lib/pi-auto-client/capture"), system_clock())
spool.append([IncidentDraft("00000000-0000-4000-8000-000000000001", "scan_lost", "x", system_clock()())])
spool.close()
"""
AS_CAPTURE = "setpriv --reuid=pi-auto-capture --regid=pi-auto-capture --clear-groups python3 -I /home/pi/scan.py"


@pytest.fixture
def scanned(box: Box) -> Box:
    """An installed machine with one record that nobody has taken yet."""
    assert box.run(INSTALL)[0] == 0
    box.write("/home/pi/scan.py", SCAN)
    code, said = box.run(AS_CAPTURE)
    assert code == 0, said
    box.called()
    return box


def test_undelivered_scans_are_not_lost_unasked(scanned: Box) -> None:
    code, said = scanned.run(f"{RESET} --yes")
    assert code == 1
    assert "1 scans have not been delivered; wait until they are" in said
    assert "--delete-undelivered" in said
    assert scanned.path(f"{STATE}/capture/spool.sqlite").exists()


def test_a_scan_made_while_a_person_was_thinking_is_not_lost(box: Box) -> None:
    assert box.run(INSTALL)[0] == 0
    box.write("/home/pi/scan.py", SCAN)
    real = box.path("/usr/local/sbin/systemctl").read_text()
    box.write("/usr/local/sbin/systemctl.real", real, mode=0o755)
    scan = f'[ "$1" = stop ] && {AS_CAPTURE}'
    box.write("/usr/local/sbin/systemctl", f'#!/bin/sh\n{scan}\nexec systemctl.real "$@"\n', mode=0o755)
    code, said = box.run(f"{RESET} --yes")
    assert code == 1
    assert "1 scans have not been delivered" in said
    assert box.path(f"{STATE}/capture/spool.sqlite").exists()
    assert not box.path(MARK).exists()
    assert box.called()[-1] == f"systemctl start {UNITS}"


def test_where_nothing_was_scanned_there_is_nothing_to_lose(box: Box) -> None:
    assert box.run(INSTALL)[0] == 0
    code, said = box.run(f"{RESET} --yes && {RESET} --yes")
    assert code == 0, said


def test_without_a_terminal_it_wants_to_be_told_that_it_is_meant(used: Box) -> None:
    before = everything(used)
    code, said = used.run(f"{RESET} --delete-undelivered < /dev/null")
    assert (code, "say --yes as well" in said) == (1, True)
    assert everything(used) == before


@pytest.mark.parametrize(("answer", "goes"), [("yes", True), ("pi-5eed5eed", True), ("no", False), ("", False)])
def test_a_person_is_asked(used: Box, answer: str, goes: bool) -> None:
    used.write(SETTINGS, '{"device_id": "pi-5eed5eed"}')
    used.run(f"rm {STATE}/agent/identity.json")
    code, said = used.run(f"echo {answer} | script -qec '{RESET} --delete-undelivered' /dev/null")
    assert "unknown number of scans THAT HAVE NOT BEEN DELIVERED" in said
    assert "Type yes or pi-5eed5eed to go on" in said
    assert (code == 0, "is erased" in said, "nothing was changed" in said) == (goes, goes, not goes)


CUT = """
import os, sys; sys.path.insert(0, "/opt/pi-auto-client/current/app")
from pi_auto.client.appliance.reset import Extent, Reset
reset = Reset(Extent(for_cloning=True, forget_server=True)).begin()
for step in reset.steps():
    sys.argv[1] == "begin" and os._exit(9)
    step()
    step.__name__ == sys.argv[1] and os._exit(9)
"""


@pytest.mark.parametrize("step", ["begin", *STEPS])
def test_after_a_power_cut_behind_any_step_the_next_boot_finishes(used: Box, step: str) -> None:
    used.write("/home/pi/cut.py", CUT)
    assert used.run(f"python3 -I cut.py {step}")[0] == 9
    assert used.path(MARK).exists()
    used.called()
    code, said = used.run(f"{RESET} --resume")
    assert code == 0, said
    assert not used.path(MARK).exists()
    assert betrayed(used) == []
    assert json.loads(used.path(SETTINGS).read_text()) == {"log_barcodes": False}
    calls = used.called()
    assert calls[-1] == "systemctl start --no-block --job-mode=replace-irreversibly reboot.target"
    assert not [call for call in calls if " stop " in call]  # it would cancel the start that waits for this


def test_whoever_runs_it_again_finishes_it_and_is_asked_nothing(used: Box) -> None:
    used.write("/home/pi/cut.py", CUT)
    used.run("python3 -I cut.py erase_identity")
    code, said = used.run(f"{RESET} < /dev/null")
    assert code == 0, said
    assert betrayed(used) == []
    assert json.loads(used.path(SETTINGS).read_text()) == {"log_barcodes": False}


def test_what_stops_it_half_way_is_told_with_what_to_do(used: Box) -> None:
    broken = "case $* in -rf*) echo 'rm: broken card' >&2; exit 1 ;; esac; exec /usr/bin/rm \"$@\""
    used.write("/usr/local/sbin/rm", f"#!/bin/sh\n{broken}\n", mode=0o755)
    code, said = used.run(f"{RESET} {LOSE}")
    assert code == 1
    assert "broken card; the reset has begun and is not finished: run it again, or start the device anew" in said
    assert used.path(MARK).exists()
    used.path("/usr/local/sbin/rm").unlink()
    assert used.run(f"{RESET} < /dev/null")[0] == 0


def test_a_boot_begins_no_reset(used: Box) -> None:
    before = everything(used)
    code, said = used.run(f"{RESET} --resume --yes --delete-undelivered")
    assert (code, said) == (0, "")
    assert everything(used) == before


def test_however_often_the_power_goes_there_are_no_scans_without_their_name_and_marks(used: Box) -> None:
    """Each run is killed behind the first folder that it removes, until there is none left."""
    cut = "case $* in -rf*) kill -9 $PPID ;; esac"
    used.write("/usr/local/sbin/rm", f'#!/bin/sh\n/usr/bin/rm "$@"\n{cut}\n', mode=0o755)
    runs = 0
    while used.run(f"{RESET} {LOSE}")[0]:
        runs += 1
        assert runs < 20
        scans = used.path(f"{STATE}/capture/spool.sqlite").exists()
        name = used.path(f"{STATE}/agent/identity.json").exists()
        marks = used.path(f"{STATE}/agent/marks.sqlite").exists()
        assert not scans or (name and marks), runs
        assert used.path(MARK).exists(), runs
    assert runs > 2
    assert betrayed(used) == [path.lstrip("/") for path, _ in sorted(LIKENESS.values())]


def test_installing_again_finishes_it_before_anything_starts(used: Box) -> None:
    used.write("/home/pi/cut.py", CUT)
    used.run("python3 -I cut.py erase_scans")
    used.run("rm -r /opt/pi-auto-client/current/app/pi_auto/client/appliance")  # nothing else could
    code, said = used.run(INSTALL)
    assert code == 0, said
    assert not used.path(MARK).exists()
    assert betrayed(used) == []
    assert json.loads(used.path(SETTINGS).read_text())["server_url"] == "https://fleet.example:5443"


def test_uninstalling_keeps_nothing_half_erased(used: Box) -> None:
    used.write("/home/pi/cut.py", CUT)
    used.run("python3 -I cut.py erase_scans")
    code, said = used.run("/opt/pi-auto-client/uninstall.sh --keep-data")
    assert code == 0, said
    assert betrayed(used) == []
    assert not used.path(MARK).exists()


def test_uninstalling_leaves_nothing_of_it(used: Box) -> None:
    used.run(f"{RESET} {LOSE}; touch {MARK}")
    code, said = used.run(
        f"mkdir -p /run/systemd/system/x.service.d; touch /run/systemd/system/x.service.d/pi-auto-reset.conf; "
        f"/opt/pi-auto-client/uninstall.sh --yes && ! ls -d {STATE} /etc/systemd/system/*pi-auto* "
        "/etc/systemd/system/ssh*.d /run/systemd/system/*.d/pi-auto*"
    )
    assert code == 0, said


def test_uninstalling_leaves_no_machine_without_ssh_host_keys(used: Box) -> None:
    used.write("/usr/sbin/sshd", "", mode=0o755)
    used.run(f"{RESET} --for-cloning {LOSE}")
    code, said = used.run("/opt/pi-auto-client/uninstall.sh --keep-data && ls /etc/ssh")
    assert code == 0, said
    assert "ssh_host_ed25519_key" in said.split()


ATTACKS = {
    "a link to a folder": "ln -s /home/pi/precious x",
    "a link to a file": "ln -s /home/pi/precious/file identity.json.x",
    "a hard link": "ln /home/pi/theirs x",
    "a link in the place of a file": "rm identity.json; ln -s /home/pi/precious/file identity.json",
    "a link in the place of a database": "rm marks.sqlite; ln -s /home/pi/precious/file marks.sqlite",
    "a link far down": "mkdir -p a/b/c; ln -s /home/pi/precious a/b/c/d",
    "a backup that is a link": "ln -s /home/pi/precious /tmp/backup_x.zip",
    "a backup that is a folder": "mkdir /tmp/backup_y.zip; ln -s /home/pi/precious /tmp/backup_y.zip/z",
    "a name that looks like an option": "touch -- -rf --no-preserve-root",
    "a folder nobody may enter": "mkdir -p shut/in; chmod 0 shut",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_the_agents_user_has_planted_makes_root_touch_nothing_else(used: Box, attack: str) -> None:
    used.write("/home/pi/precious/file", "precious")
    used.write("/home/pi/theirs", "theirs", mode=0o666)
    used.write("/home/pi/attack.sh", f"set -e; cd {STATE}/agent; {ATTACKS[attack]}\n")
    code, said = used.run(
        "setpriv --reuid=pi-auto --regid=pi-auto --clear-groups sh attack.sh && "
        f"{RESET} --for-cloning --forget-server {LOSE}"
    )
    assert code == 0, said
    assert used.path("/home/pi/precious/file").read_text() == "precious"
    assert used.path("/home/pi/theirs").read_text() == "theirs"
    left = {path.name for path in used.path(STATE).rglob("*")}
    assert left == {"agent", "capture", "clock"}
    assert betrayed(used) == []


REFUSALS = {
    "not root": (f"setpriv --reuid=65534 --clear-groups {RESET} --yes", "must be run by root: sudo"),
    "not root, and to finish": (f"setpriv --reuid=65534 --clear-groups {RESET} --resume", "must be run by root"),
    "not installed": (
        f"mv /opt/pi-auto-client/current /opt/x; python3 -I pi_auto_client.py factory-reset {LOSE}",
        "is not installed here",
    ),
    "an image that runs": (f"{RESET} --image {LOSE}", "this system runs"),
    "no systemd": (f"rmdir /run/systemd/system; {RESET} {LOSE}", "say --image"),
    "settings that are broken": (f"echo '{{' > {SETTINGS}; {RESET} {LOSE}", f"{SETTINGS}: is not JSON"),
    "an installation that runs": (
        f"exec 9>/run/pi-auto-client-setup.lock; flock 9; {RESET} {LOSE}",
        "another installation or factory reset is running",
    ),
    "a service that does not stop": (
        f"sed -i 's/stop) shift/stop) exit 0/' /usr/local/sbin/systemctl; {RESET} {LOSE}",
        "cannot be stopped",
    ),
    "unknown option": (f"{RESET} --al", "unrecognized arguments: --al"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_speaks_against_it_is_told_in_a_sentence_and_nothing_is_erased(used: Box, case: str) -> None:
    command, sentence = REFUSALS[case]
    code, said = used.run(command)
    assert code != 0
    assert sentence in said
    assert "Traceback" not in said
    assert not used.path(MARK).exists()
    assert used.path(f"{STATE}/agent/identity.json").read_text() == CANARY


def test_in_an_image_nothing_is_stopped(used: Box) -> None:
    code, said = used.run(f"rmdir /run/systemd/system; {RESET} --for-cloning --image {LOSE}")
    assert code == 0, said
    assert betrayed(used) == []
    assert not [call for call in used.called() if call.startswith(("systemctl", "journalctl"))]


def test_this_machine_was_left_alone() -> None:
    assert not Path(MARK).exists()
    assert not Path("/run/systemd/system/NetworkManager.service.d/pi-auto-reset.conf").exists()
