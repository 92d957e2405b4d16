from __future__ import annotations

import os
from pathlib import Path

import pytest

from pi_auto.client.appliance.traces import (
    LEFT_BEHIND,
    LIKENESS,
    erase,
    forget_machine_id,
    forget_wifis,
    found,
)

DEEP = 3000  # folders: more than a process may have open, or Python may recurse


def write(file: Path, text: str = "canary") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_link_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    precious = write(tmp_path / "precious/file").parent
    folder = write(tmp_path / "agent/sub/own").parents[1]
    (folder / "to-a-folder").symlink_to(precious)
    (folder / "sub/to-a-file").symlink_to(precious / "file")
    (folder / "hard").hardlink_to(precious / "file")
    (tmp_path / "linked").symlink_to(precious)
    erase([folder, tmp_path / "linked"])
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert (precious / "file").read_text() == "canary"


def test_no_folder_is_too_deep(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    at = os.open(tmp_path / "agent", os.O_RDONLY)
    for _ in range(DEEP):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    erase([tmp_path / "agent"])
    assert list(tmp_path.iterdir()) == []


def test_what_has_gone_meanwhile_is_no_trouble(tmp_path: Path) -> None:
    erase([tmp_path / "gone"])


STAY = [
    "var/log/pi_auto_server.log", "etc/pi_auto_client.json", "etc/pi_auto_server.json", "tmp/other.zip",
    "var/lib/NetworkManager/NetworkManager.state", "etc/ssh/sshd_config", "home/pi/.bashrc",
    "home/pi/.ssh/authorized_keys", "var/lib/systemd/timesync/clock", "var/log/apt/history.log",
    "var/lib/cloud/instances/box/sem/config_users_groups",  # without it cloud-init would do it all again
]  # fmt: skip
GO = [
    "var/log/pi_auto_client.log", "var/log/pi_auto_client.log.1", "var/log/pi_auto_client.log.2.gz",
    "tmp/backup_1.2.zip", "etc/pi_auto_client.json~", "etc/.pi_auto_client.json.swp",
    "var/lib/NetworkManager/seen-bssids", "var/lib/NetworkManager/internal-1-eth0.lease",
    "var/lib/dhcp/dhclient.eth0.leases", "var/lib/iwd/shop.psk", "boot/firmware/custom.toml",
    "var/lib/bluetooth/AA/BB/info", "var/log/syslog.1", "etc/ssh/ssh_host_ed25519_key.pub",
    "var/lib/systemd/random-seed", "home/pi/.bash_history", "root/.bash_history", "etc/dhcpcd.duid",
    *(f"var/lib/cloud/instances/box/{name}"
      for name in ("obj.pkl", "user-data.txt", "user-data.txt.i", "cloud-config.txt", "scripts/runcmd")),
]  # fmt: skip


def test_what_is_a_trace_and_what_is_not(tmp_path: Path) -> None:
    for name in (*STAY, *GO):
        write(tmp_path / name)
    erase(found(tmp_path, (*LEFT_BEHIND, *LIKENESS)))
    assert [name for name in STAY if not (tmp_path / name).exists()] == []
    assert [name for name in GO if (tmp_path / name).exists()] == []


@pytest.mark.parametrize("place", ["boot/firmware", "boot", "var/lib/cloud/seed/nocloud"])
def test_cloud_init_keeps_a_source_that_asks_for_nothing(tmp_path: Path, place: str) -> None:
    asked = write(tmp_path / place / "user-data", "#cloud-config\nwrite_files:\n- content: psk=canary\n")
    named = write(tmp_path / place / "meta-data", "instance-id: box\n")
    forget_wifis(tmp_path)
    assert (asked.read_text(), named.read_text()) == ("#cloud-config\n", "instance-id: box\n")


WIRED = "[connection]\ntype=ethernet\n"


def test_wifis_are_forgotten_wherever_they_are_written(tmp_path: Path) -> None:
    profiles = tmp_path / "etc/NetworkManager/system-connections"
    write(profiles / "shop.nmconnection", "[connection]\ntype=wifi\n[wifi-security]\npsk=canary\n")
    write(profiles / "cable.nmconnection", WIRED)
    write(tmp_path / "run/NetworkManager/system-connections/netplan-wlan0-shop.nmconnection", "[wifi]\ncanary\n")
    write(tmp_path / "etc/netplan/90-NM-1.yaml", "network:\n  version: 2\n  wifis:\n    a: canary\n")
    write(tmp_path / "etc/wpa_supplicant/wpa_supplicant.conf", "country=DE\nnetwork={\npsk=canary\n}\n").chmod(
        0o600
    )
    write(tmp_path / "etc/network/interfaces", "iface wlan0 inet dhcp\n wpa-psk canary\n")
    linked = write(tmp_path / "data/wlan.yaml", "network:\n  wifis:\n    a: canary\n  ethernets: {}\n")
    (tmp_path / "etc/netplan/linked.yaml").symlink_to(linked)
    forget_wifis(tmp_path)
    left = {str(file.relative_to(tmp_path)): file for file in tmp_path.rglob("*") if file.is_file()}
    assert [name for name, file in left.items() if "canary" in file.read_text()] == []
    assert (profiles / "cable.nmconnection").read_text() == WIRED
    assert (tmp_path / "etc/wpa_supplicant/wpa_supplicant.conf").stat().st_mode & 0o777 == 0o600
    assert linked.read_text() == "network:\n  ethernets: {}\n"


@pytest.mark.parametrize("held", ["0123456789abcdef0123456789abcdef\n", "uninitialized\n", None])
def test_the_machine_id_is_left_empty_which_is_no_first_boot(tmp_path: Path, held: str | None) -> None:
    (tmp_path / "etc").mkdir()
    if held:
        write(tmp_path / "etc/machine-id", held)
    copy = write(tmp_path / "var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n")
    forget_machine_id(tmp_path)
    forget_machine_id(tmp_path)
    assert (tmp_path / "etc/machine-id").read_bytes() == b""
    assert copy.readlink() == Path("/etc/machine-id")
