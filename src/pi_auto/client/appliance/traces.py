"""Where a device leaves traces of itself, of its owner and of where it stood: what a factory reset removes.

A path is relative to the root folder and may hold wildcards; its folder is root's, or one in
which nobody can replace what is another's. Removing follows no link: what a service's user has
planted in its folder goes as the link that it is.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pi_auto.client.appliance import machine, wifi
from pi_auto.files import write_whole

STATE = "var/lib/pi-auto-client"
SETTINGS = "etc/pi_auto_client.json"
CARD = "etc/pi_auto_fleet.json"

LEFT_BEHIND = (
    # Backups of updates, which older clients made, and of the settings, which editors make.
    "tmp/backup_*.zip", "var/tmp/backup_*.zip", "opt/pi-auto-client/backup_*.zip",
    f"{SETTINGS}?*", "etc/.pi_auto_client.json?*", f"{CARD}?*", "etc/.pi_auto_fleet.json?*",
    # The client's log, and the others that the same lines, or the names of networks, get into.
    "var/log/pi_auto_client.log*",
    "var/log/syslog*", "var/log/messages*", "var/log/daemon.log*", "var/log/user.log*", "var/log/debug*",
    "var/log/kern.log*", "var/log/auth.log*", "var/log/cloud-init*.log*",
    "var/log/wtmp*", "var/log/btmp*", "var/log/lastlog*", "var/log/wpa_supplicant*", "var/log/NetworkManager*",
    # What a program that crashed had in its memory.
    "var/lib/systemd/coredump/*",
    # Scanners that were paired.
    "var/lib/bluetooth/*",
    # Where it has been: networks seen, addresses held.
    "var/lib/NetworkManager/seen-bssids*", "var/lib/NetworkManager/timestamps*", "var/lib/NetworkManager/*.lease",
    "var/lib/dhcp/*.leases*", "var/lib/dhcpcd/*.lease*", "var/lib/dhcpcd5/*.lease*", "var/lib/iwd/*",
    # What the system was told when it was first set up, Wi-Fi password included; it is not read a second time.
    *(f"var/lib/cloud/instances/*/{name}"
      for name in ("obj.pkl", "network-config*", "user-data.txt*", "cloud-config.txt", "scripts/*")),
    *(f"{boot}/{name}" for boot in ("boot/firmware", "boot") for name in ("custom.toml", "wpa_supplicant.conf")),
)  # fmt: skip

JOURNAL = ("var/log/journal/*", "run/log/journal/*")

# What makes one installed system different from its copy.
LIKENESS = (
    "etc/ssh/ssh_host_*",
    "var/lib/systemd/random-seed", "var/lib/urandom/random-seed", "var/lib/systemd/credential.secret",
    *(f"{boot}/loader/random-seed" for boot in ("boot", "boot/efi", "efi")),
    "etc/dhcpcd.duid", "etc/dhcpcd.secret", "var/lib/dhcpcd/duid", "var/lib/dhcpcd/secret",
    "var/lib/dhcp/*duid*", "var/lib/NetworkManager/secret_key",
    # What was typed while it was made ready, passwords perhaps among it.
    *(f"{home}/.{name}" for home in ("root", "home/*")
      for name in ("bash_history", "zsh_history", "python_history", "lesshst", "viminfo")),
)  # fmt: skip


def _asking_for_nothing(_user_data: str) -> str:
    """What is left of cloud-init's user-data: passwords and keys may be anywhere in it, also in a file it writes.

    Without the file cloud-init would not find its source any more, and take the next boot for a first one.
    """
    return "#cloud-config\n"


_PROFILES = ("etc/NetworkManager/system-connections/*", "run/NetworkManager/system-connections/*")
_REWRITTEN: dict[Callable[[str], str], tuple[str, ...]] = {
    wifi.without_wifis: (
        "etc/netplan/*.yaml", "run/netplan/*.yaml", "boot/firmware/network-config", "boot/network-config",
    ),
    _asking_for_nothing: ("boot/firmware/user-data", "boot/user-data", "var/lib/cloud/seed/*/user-data"),
    wifi.without_networks: ("etc/wpa_supplicant/*.conf", "run/netplan/wpa-*.conf"),
    wifi.without_keys: ("etc/network/interfaces", "etc/network/interfaces.d/*"),
}  # fmt: skip


def found(root: Path, patterns: Iterable[str]) -> Iterator[Path]:
    """What is there of them."""
    for pattern in patterns:
        yield from sorted(root.glob(pattern))


def erase(paths: Iterable[Path]) -> None:
    """Remove files, links and whole folders, however deep. Raises OSError and SetupFailed."""
    for path in paths:
        with suppress(FileNotFoundError):  # it went by itself meanwhile
            if stat.S_ISDIR(path.lstat().st_mode):
                # coreutils' rm goes by descriptors: it follows no link, also none that is put there meanwhile.
                machine.run("rm", "-rf", "--one-file-system", "--", str(path))
            else:
                path.unlink()


def forget_wifis(root: Path) -> None:
    """Take out every Wi-Fi with its password, and all that cloud-init was told. Raises OSError."""
    erase(file for file in found(root, _PROFILES) if file.is_file() and wifi.is_profile(_text(file)))
    for without, patterns in _REWRITTEN.items():
        for file in {file.resolve() for file in found(root, patterns) if file.is_file()}:
            _rewrite(file, without)


def forget_machine_id(root: Path) -> None:
    """Leave the file empty, not absent: systemd makes an id at the next boot, and calls that no first boot.

    A first boot would enable services anew, by presets (machine-id(5)).
    """
    file, copy = root / "etc/machine-id", root / "var/lib/dbus/machine-id"
    if not file.is_mount():  # else the id of this boot lies over it, and was never written down
        write_whole(file, b"", mode=0o444)
    if copy.exists() and not copy.is_symlink():
        copy.unlink()
        copy.symlink_to("/etc/machine-id")


def _rewrite(file: Path, without: Callable[[str], str]) -> None:
    held = _text(file)
    left = without(held)
    if left == held:
        return
    if left:
        write_whole(file, left.encode("utf-8", "surrogateescape"), mode=file.stat().st_mode & 0o777)
    else:
        file.unlink()


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "surrogateescape")
