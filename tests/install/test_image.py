"""script/image, on the root folder of a machine that is thrown away. tests/vm/test_image.py boots one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pi_auto.wire.fleet_card import FleetCard
from support.box import Box
from support.fleet_home import FleetHome

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "script/image")
SERVER = "https://fleet.example:5443"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMuVpWJbzkh1lLXnFqGR2tWcJcKfkTGUkVvBp6TIQyXc owner"
SSH_SERVICE = "[Service]\nExecStart=/usr/sbin/sshd -D\n[Install]\nWantedBy=multi-user.target\n"
SSH_WANTED = "/etc/systemd/system/multi-user.target.wants/ssh.service"
SHADOW = (
    "root::20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\npi:$6$salt$canary:20000:0:99999:7:::\n"
    "locked:!$6$salt$canary:20000:0:99999:7:::\n"
)
FIRST_RUN = (
    " systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"
)
LOGROTATE = "\nPackage: logrotate\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: x\n"


@pytest.fixture
def tree(box: Box) -> Box:
    """A root folder as an image may come: an account with a password, SSH on, signs of a former life."""
    box.path("/usr/local/sbin/systemctl").unlink()  # the real one works in a root folder too
    box.write("/var/lib/dpkg/status", Path("/var/lib/dpkg/status").read_text() + LOGROTATE)
    box.write("/usr/sbin/sshd", "#!/bin/sh\n", mode=0o755)
    box.write("/usr/lib/systemd/system/ssh.service", SSH_SERVICE)
    box.path(SSH_WANTED).parent.mkdir(parents=True)
    box.path(SSH_WANTED).symlink_to("/usr/lib/systemd/system/ssh.service")
    box.write("/etc/shadow", SHADOW, mode=0o640)
    box.write("/etc/shadow-", SHADOW)
    box.write("/etc/ssh/ssh_host_ed25519_key", "canary")
    box.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    box.write("/var/lib/systemd/random-seed", "canary")
    box.write("/boot/firmware/userconf.txt", "pi:canary")
    box.write("/boot/firmware/ssh", "")
    box.write(
        "/boot/firmware/user-data", "#cloud-config\nusers:\n- {name: pi, passwd: canary}\nssh_pwauth: true\n"
    )
    box.write("/boot/firmware/firstrun.sh", "#!/bin/sh\necho pi:canary | chpasswd -e\n", mode=0o755)
    box.write("/boot/firmware/cmdline.txt", f"console=tty1{FIRST_RUN} cfg80211.ieee80211_regdom=GB rootwait\n")
    box.write("/var/lib/systemd/rfkill/platform-1:wlan", "1")
    box.write("/etc/systemd/system/getty@tty1.service.d/autologin.conf", "")
    return box


@pytest.fixture
def package(dist: Path) -> str:
    (package,) = dist.glob("*.deb")
    return str(package)


def make(tree: Box, package: str, *options: str) -> str:
    code, said = tree.beside([SCRIPT, "--tree", "{TREE}", "--package", package, *options])
    assert code == 0, said
    return said


def test_the_client_is_in_it_with_its_settings_and_starts_at_boot(tree: Box, package: str) -> None:
    said = make(tree, package, "--server", SERVER)
    assert "every copy makes its own identity" in said
    assert tree.path("/opt/pi-auto-client/current").is_symlink()
    assert json.loads(tree.path("/etc/pi_auto_client.json").read_text()) == {"server_url": SERVER}
    assert tree.path("/etc/systemd/system/multi-user.target.wants/pi-auto-client.service").is_symlink()
    assert list(tree.path("/var/lib/pi-auto-client/agent").iterdir()) == []


def test_nothing_in_it_is_the_same_for_all_copies_and_no_password_opens_it(tree: Box, package: str) -> None:
    make(tree, package)
    left = [path for path in tree.path("/").rglob("*") if path.is_file() and not path.is_symlink()]
    assert [str(path) for path in left if b"canary" in path.read_bytes()] == []
    assert {line.split(":")[1] for line in tree.path("/etc/shadow").read_text().splitlines()} == {"*"}
    assert tree.path("/etc/shadow").stat().st_mode & 0o777 == 0o640
    assert tree.path("/etc/machine-id").read_bytes() == b""
    assert not tree.path("/boot/firmware/userconf.txt").exists()
    assert not tree.path("/etc/systemd/system/getty@tty1.service.d/autologin.conf").exists()


def test_its_copies_are_of_the_fleet_and_hold_what_lets_them_in(tree: Box, package: str, tmp_path: Path) -> None:
    token = "batch_" + "q7Zx-_w" * 6 + "c"
    (tmp_path / "home").mkdir()
    home = FleetHome(tmp_path / "home")
    file = tmp_path / "fleet.json"
    file.write_text(json.dumps(home.fleet.card((), token).to_json()))
    make(tree, package, "--card", str(file))
    assert FleetCard.parse(tree.path("/etc/pi_auto_fleet.json").read_bytes()) == home.card
    agent = tree.path("/var/lib/pi-auto-client/agent")
    assert [path.name for path in agent.iterdir()] == ["batch_token"]
    assert (agent / "batch_token").read_text() == f"{token}\n"
    assert (agent / "batch_token").stat().st_mode & 0o777 == 0o600


def test_what_an_imager_has_ordered_for_the_first_boot_sets_no_password_in_a_copy(tree: Box, package: str) -> None:
    make(tree, package)
    assert tree.path("/boot/firmware/user-data").read_text() == "#cloud-config\n"
    assert not tree.path("/boot/firmware/firstrun.sh").exists()
    assert tree.path("/boot/firmware/cmdline.txt").read_text() == (
        "console=tty1 cfg80211.ieee80211_regdom=GB rootwait\n"
    )


def test_ssh_is_off(tree: Box, package: str) -> None:
    make(tree, package)
    assert not tree.path(SSH_WANTED).is_symlink()
    assert not tree.path("/boot/firmware/ssh").exists()
    assert "PasswordAuthentication no" in tree.path("/etc/ssh/sshd_config.d/00-pi-auto-client.conf").read_text()


def test_whoever_owns_the_key_is_let_in_and_nobody_else(tree: Box, package: str, tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(f"{KEY}\n")
    make(tree, package, "--ssh-key", str(tmp_path / "key.pub"))
    assert tree.path(SSH_WANTED).is_symlink()
    code, said = tree.run("stat -c '%n %a %U' ~pi/.ssh ~pi/.ssh/authorized_keys; cat ~pi/.ssh/authorized_keys")
    assert (code, said.splitlines()) == (
        0, ["/home/pi/.ssh 700 pi", "/home/pi/.ssh/authorized_keys 600 pi", KEY],
    )  # fmt: skip
    assert {line.split(":")[1] for line in tree.path("/etc/shadow").read_text().splitlines()} == {"*"}


def test_wifi_has_its_country(tree: Box, package: str) -> None:
    make(tree, package, "--wifi-country", "DE")
    assert tree.path("/boot/firmware/cmdline.txt").read_text() == (
        "console=tty1 rootwait cfg80211.ieee80211_regdom=DE\n"
    )
    assert "regdom=DE" in tree.path("/etc/modprobe.d/pi-auto-wifi-country.conf").read_text()
    assert tree.path("/var/lib/systemd/rfkill/platform-1:wlan").read_text() == "0\n"


def test_what_was_put_there_for_making_it_is_not_left(tree: Box, package: str) -> None:
    make(tree, package)
    assert not tree.path("/run").exists() or list(tree.path("/run").iterdir()) == []
    mounted = Path("/proc/mounts").read_text()
    assert f"{tree.path('/').parent}/root/" not in mounted


def test_made_again_it_is_the_same(tree: Box, package: str) -> None:
    make(tree, package, "--server", SERVER)
    make(tree, package, "--server", SERVER)
    assert json.loads(tree.path("/etc/pi_auto_client.json").read_text()) == {"server_url": SERVER}


def test_the_stage_of_pi_gen_does_the_same(tree: Box, package: str) -> None:
    stage = ROOT / "image/pi-gen/stage-pi-auto/00-pi-auto/00-run.sh"
    code, said = tree.beside(
        ["env", f"PI_AUTO_SOURCE={ROOT}", f"PI_AUTO_IMAGE_OPTIONS=--package {package} --server {SERVER}",
         "ROOTFS_DIR={TREE}", str(stage)]
    )  # fmt: skip
    assert code == 0, said
    assert tree.path("/opt/pi-auto-client/current").is_symlink()


REFUSALS = {
    "nothing": ([], "either --tree DIR, or --base IMAGE and --out FILE"),
    "both": (["--tree", "{TREE}", "--base", "x", "--out", "y"], "either --tree DIR, or --base IMAGE"),
    "a base alone": (["--base", "{TREE}/etc/shadow"], "either --tree DIR, or --base IMAGE"),
    "this system": (["--tree", "/"], "this is the system that runs"),
    "no root folder": (["--tree", "{TREE}/etc"], "no root folder of Debian"),
    "no base": (["--base", "/nowhere.img", "--out", "/dev/null"], "--base /nowhere.img: there is no such file"),
    "a base without partitions": (["--base", "{TREE}/etc/shadow", "--out", "{TREE}/srv/x"], "no Linux partition"),
    "no package": (["--tree", "{TREE}", "--package", "/nowhere.deb"], "--package /nowhere.deb: there is no such"),
    "no Debian package": (["--tree", "{TREE}", "--package", "{TREE}/etc/shadow"], "cannot be installed in this"),
    "no key": (["--tree", "{TREE}", "--ssh-key", "/nowhere"], "--ssh-key /nowhere: there is no such file"),
    "the private key": (["--tree", "{TREE}", "--ssh-key", "{TREE}/srv/private"], "it wants the .pub"),
    "something else": (["--tree", "{TREE}", "--ssh-key", "{TREE}/etc/shadow"], "this is no public key"),
    "no country": (["--tree", "{TREE}", "--wifi-country", "Germany"], "two capitals, such as DE"),
    "no card": (["--tree", "{TREE}", "--card", "/nowhere"], "--card /nowhere: there is no such file"),
    "a card that is none": (["--tree", "{TREE}", "--card", "{TREE}/etc/shadow"], "is no fleet card"),
    "no server": (["--tree", "{TREE}", "--server", "ftp://x"], "server_url is 'ftp://x'"),
    "no value": (["--tree"], "--tree needs a value"),
    "no option": (["--sever", "x"], "unknown option --sever"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_it_cannot_work_with_is_told_in_a_sentence(tree: Box, package: str, case: str) -> None:
    options, sentence = REFUSALS[case]
    tree.write("/srv/private", "-----BEGIN OPENSSH PRIVATE KEY-----\n")
    given = [] if "--package" in options or "value" in case else ["--package", package]
    code, said = tree.beside([SCRIPT, *given, *options])
    assert code != 0
    assert sentence in said
    assert not tree.path("/srv/x").exists()


def test_what_the_image_lacks_is_named(tree: Box, package: str) -> None:
    status = tree.path("/var/lib/dpkg/status")
    status.write_text(status.read_text().replace("Package: logrotate", "Package: rotatelog"))
    code, said = tree.beside([SCRIPT, "--tree", "{TREE}", "--package", package])
    assert code == 1
    assert "this image lacks logrotate, which the client needs" in said


def test_help_tells_every_option() -> None:
    said = subprocess.run([SCRIPT, "--help"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("Makes a master image")
    for option in ("--base", "--out", "--tree", "--server", "--ssh-key", "--wifi-country", "--package"):
        assert option in said
