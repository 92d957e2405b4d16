"""Builds the virtual Pi's disk once and keeps it: Debian as it comes, with a `pi` user who may use sudo.

The Debian mirrors are those of the machine it runs on. Nothing of ours is in the image: that
is what the guide's commands are tried for. Needs root, mmdebstrap, e2fsprogs and qemu-img.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
_PACKAGES = (
    "systemd,systemd-sysv,udev,dbus,kmod,iproute2,iputils-ping,procps,python3,sudo,curl,ca-certificates,usbutils,"
    "openssh-server,logrotate,initramfs-tools,zstd,systemd-timesyncd,polkitd"
)
_MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "ext4")
_SIZE = "2200M"
_KERNELS = {"amd64": "linux-image-amd64"}


@dataclass(frozen=True, slots=True)
class Image:
    """A disk that is never written to, its kernel, and the key that opens its `pi` user."""

    disk: Path
    kernel: Path
    initrd: Path
    key: Path


def image(architecture: str = "amd64") -> Image:
    """The image, from the cache or built anew (about two minutes)."""
    folder = _cache() / f"{architecture}-{_recipe(architecture)}"
    built = Image(folder / "disk.qcow2", folder / "vmlinuz", folder / "initrd", folder / "key")
    if not built.disk.exists():
        work = folder.with_name(f"{folder.name}.building")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        _build(work, architecture)
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    return built


def _cache() -> Path:
    base = os.environ.get("PI_AUTO_VM_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return Path(base) / "pi-auto-vm"


def _recipe(architecture: str) -> str:
    """Whatever changes the image changes this."""
    return hashlib.sha256(f"{architecture} {inspect.getsource(sys.modules[__name__])}".encode()).hexdigest()[:12]


def _build(work: Path, architecture: str) -> None:
    root = work / "root"
    _run(
        "mmdebstrap", f"--architectures={architecture}", "--variant=minbase", "--mode=root",
        f"--include={_PACKAGES},{_KERNELS[architecture]}", SUITE, str(root),
    )  # fmt: skip
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(work / "key"))
    _settle_in(root, (work / "key.pub").read_text())
    for name in ("vmlinuz", "initrd"):
        shutil.copy(next((root / "boot").glob(f"{name}*")), work / name)
    raw = work / "disk.raw"
    _run("mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-d", str(root), str(raw), _SIZE)
    _run("qemu-img", "convert", "-O", "qcow2", str(raw), str(work / "disk.qcow2"))
    raw.unlink()
    shutil.rmtree(root)


def _settle_in(root: Path, public_key: str) -> None:
    """What an image of Raspberry Pi OS has: a network, a user, a name; and our key instead of a password."""
    (root / "etc/hostname").write_text("raspberrypi\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 raspberrypi\n")
    (root / "etc/fstab").write_text("LABEL=rootfs / ext4 defaults,noatime 0 1\n")
    network = root / "etc/systemd/network/20-wired.network"
    network.write_text("[Match]\nName=en*\n[Network]\nDHCP=yes\nIPv6AcceptRA=no\n")
    (root / "etc/ssh/sshd_config.d").mkdir(exist_ok=True)
    (root / "etc/ssh/sshd_config.d/quick.conf").write_text("UseDNS no\nUsePAM no\n")
    initramfs = root / "etc/initramfs-tools"
    conf = (initramfs / "initramfs.conf").read_text().replace("MODULES=most", "MODULES=list")
    (initramfs / "initramfs.conf").write_text(conf)
    with (initramfs / "modules").open("a") as modules:
        modules.write("\n".join(_MODULES) + "\n")
    for command in (
        ("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", "pi"),
        ("passwd", "-q", "-d", "root"),
        ("usermod", "-p", "*", "pi"),
        ("systemctl", "enable", "systemd-networkd", "ssh"),
        ("update-initramfs", "-u"),
    ):
        _run("chroot", str(root), *command)
    (root / "etc/sudoers.d/pi").write_text("pi ALL=(ALL) NOPASSWD: ALL\n")
    ssh = root / "home/pi/.ssh"
    ssh.mkdir(mode=0o700)
    (ssh / "authorized_keys").write_text(public_key)
    _run("chroot", str(root), "chown", "-R", "pi:pi", "/home/pi")


def _run(*command: str) -> None:
    """Run a step; RuntimeError with its last words if it fails."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed while the virtual Pi was built:\n{done.stdout[-2000:]}")
