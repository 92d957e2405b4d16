"""Builds the virtual Pi's disk once and keeps it: Debian as it comes, with a `pi` user who may use sudo.

The Debian mirrors are those of the machine it runs on. Nothing of the product is in the image:
that is what the guide's commands are tried for; the rig's own instruments are (`instruments`).
Needs root, mmdebstrap, e2fsprogs and qemu-img. A disk gets its name only when it is whole, and
the name changes with whatever goes into it.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from support.vm import foreign, instruments
from support.vm.kinds import KINDS, Kind

_PACKAGES = (
    "systemd,systemd-sysv,udev,dbus,kmod,iproute2,iputils-ping,procps,python3,sudo,curl,ca-certificates,usbutils,"
    "openssh-server,logrotate,initramfs-tools,zstd,systemd-timesyncd,polkitd"
)
_BOOT_MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "ext4", "virtio_console")
_SD_MODULES = ("sdhci-iproc", "bcm2835", "bcm2835-dma", "mmc_block")
# Drivers of what the emulator has only half, and of screens nobody sees.
_LEFT_OUT = ("vc4", "hci_uart", "brcmfmac", "bochs", "iTCO_wdt")
_SIZE = "2200M"
_UNUSED = 7 * 86_400.0  # seconds
_DEVICE_TREE = "bcm2837-rpi-3-b.dtb"
# What a step mounts into the new root goes with the step, however it ends: nobody is to delete through a mount.
_APART = ("unshare", "--mount", "--propagation", "private")


@dataclass(frozen=True, slots=True)
class Image:
    """A disk that is never written to, its kernel, and the key that opens its `pi` user."""

    kind: Kind
    folder: Path

    @property
    def disk(self) -> Path:
        """The root file system, without partitions."""
        return self.folder / "disk.qcow2"

    @property
    def kernel(self) -> Path:
        """What boots."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """What the kernel needs to find its disk."""
        return self.folder / "initrd"

    @property
    def key(self) -> Path:
        """The private key of who may log in."""
        return self.folder / "key"

    @property
    def device_tree(self) -> Path:
        """What a Raspberry Pi 3 is made of, for its kernel."""
        return self.folder / _DEVICE_TREE


def image(name: str = "amd64", more: tuple[str, ...] = ()) -> Image:
    """The image of a kind, from the cache or built anew: two minutes, ten where it is emulated.

    `more` are packages besides, which an emulated machine takes minutes to unpack. A NetworkManager leaves cables
    alone.
    """
    kind = KINDS[name]
    source = KINDS[kind.disk_of or name]
    folder = _cache() / f"{source.name}-{_recipe(source, more)}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f"building-{folder.name}-", dir=folder.parent))
        try:
            _build(work, source, more)
            with suppress(OSError):  # another run was first, and its disk is as good
                work.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        _forget_unused(folder.parent)
    os.utime(folder)
    return Image(kind, folder)


def _cache() -> Path:
    base = os.environ.get("PI_AUTO_VM_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return Path(base) / "pi-auto-vm"


def _recipe(kind: Kind, more: tuple[str, ...]) -> str:
    """Whatever changes the disk changes this."""
    modules = (_BOOT_MODULES, _SD_MODULES, _LEFT_OUT)
    parts = (_PACKAGES, more, *modules, _SIZE, kind.architecture, kind.suite, kind.kernel)
    code = [inspect.getsource(each) for each in (_build, _settle_in, _make_disk)]
    return hashlib.sha256(repr((parts, code, _source(instruments))).encode()).hexdigest()[:12]


def _source(module: ModuleType) -> str:
    return inspect.getsource(module)


def _forget_unused(cache: Path) -> None:
    """Disks that no run has asked for in a week: half a gigabyte each. A younger one may be another run's."""
    for other in cache.iterdir():
        if time.time() - other.stat().st_mtime > _UNUSED:
            shutil.rmtree(other, ignore_errors=True)


def _build(work: Path, kind: Kind, more: tuple[str, ...]) -> None:
    if kind.is_foreign:
        foreign.prepare(kind.architecture)
    root = work / "root"
    # Before the kernel comes and makes its initrd: all modules would take an emulated machine half an hour.
    (work / "modules").write_text("\n".join((*_BOOT_MODULES, *_SD_MODULES)) + "\n")
    (work / "list.conf").write_text("MODULES=list\n")
    hooks = [
        "--essential-hook=mkdir -p $1/etc/initramfs-tools/conf.d $1/usr/share/initramfs-tools/modules.d",
        f"--essential-hook=copy-in {work}/list.conf /etc/initramfs-tools/conf.d",
        f"--essential-hook=copy-in {work}/modules /usr/share/initramfs-tools/modules.d",
    ]
    _run(
        "mmdebstrap", f"--architectures={kind.architecture}", "--variant=minbase", "--mode=root", *hooks,
        f"--include={','.join((_PACKAGES, *more, kind.kernel))}", kind.suite, str(root),
    )  # fmt: skip
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(work / "key"))
    _settle_in(root, (work / "key.pub").read_text())
    instruments.place(root)
    for name in ("vmlinuz", "initrd"):
        shutil.copy(next((root / "boot").glob(f"{name}*")), work / name)
    for tree in root.glob(f"usr/lib/linux-image-*/broadcom/{_DEVICE_TREE}"):
        shutil.copy(tree, work / _DEVICE_TREE)
    _make_disk(root, work)
    shutil.rmtree(root)


def _make_disk(root: Path, work: Path) -> None:
    raw = work / "disk.raw"
    _run("mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-d", str(root), str(raw), _SIZE)
    _run("qemu-img", "convert", "-O", "qcow2", str(raw), str(work / "disk.qcow2"))
    raw.unlink()


def _settle_in(root: Path, public_key: str) -> None:
    """What an image of Raspberry Pi OS has: a network, a user, a name; and our key instead of a password."""
    (root / "etc/hostname").write_text("raspberrypi\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 raspberrypi\n")
    (root / "etc/fstab").write_text("LABEL=rootfs / ext4 defaults,noatime 0 1\n")
    (root / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")
    (root / "etc/modprobe.d/rig.conf").write_text("".join(f"blacklist {name}\n" for name in _LEFT_OUT))
    if (manager := root / "etc/NetworkManager/conf.d").is_dir():
        (manager / "cables.conf").write_text("[main]\ndns=none\n[keyfile]\nunmanaged-devices=except:type:wifi\n")
    (root / "etc/ssh/sshd_config.d").mkdir(exist_ok=True)
    (root / "etc/ssh/sshd_config.d/quick.conf").write_text("UseDNS no\nUsePAM no\n")
    for command in (
        ("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", "pi"),
        ("passwd", "-q", "-d", "root"),
        ("usermod", "-p", "*", "pi"),
        ("systemctl", "enable", "systemd-networkd", "ssh"),
        ("systemctl", "disable", "systemd-networkd-wait-online"),
    ):
        _run("chroot", str(root), *command)
    (root / "etc/sudoers.d/pi").write_text("pi ALL=(ALL) NOPASSWD: ALL\n")
    ssh = root / "home/pi/.ssh"
    ssh.mkdir(mode=0o700)
    (ssh / "authorized_keys").write_text(public_key)
    _run("chroot", str(root), "chown", "-R", "pi:pi", "/home/pi")


def _run(*command: str) -> None:
    """Run a step; RuntimeError with its last words if it fails."""
    apart = (*_APART, *command)
    done = subprocess.run(apart, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed while the virtual Pi was built:\n{done.stdout[-2000:]}")
