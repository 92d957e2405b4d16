"""How QEMU is called for each kind of virtual Pi, and which files lead out of it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from support.vm.image import Image
from support.vm.instruments import CONSOLE, JOURNAL, OWN_MAC_PREFIX, SSH_MAC_PREFIX


@dataclass(frozen=True, slots=True)
class Wires:
    """What connects one machine with this side. `number` makes its network addresses its own."""

    folder: Path
    sockets: Path
    disk: Path
    port: int
    number: int

    @property
    def serial(self) -> Path:
        """What the kernel says while it boots."""
        return self.folder / "serial.log"

    @property
    def journal(self) -> Path:
        """The guest's journal, a JSON object a line."""
        return self.folder / "journal.jsonl"

    @property
    def console(self) -> Path:
        """The keys that have reached its first console."""
        return self.folder / "console.keys"

    @property
    def words(self) -> Path:
        """What the emulator itself says."""
        return self.folder / "qemu.log"

    @property
    def control(self) -> Path:
        """The socket that the emulator takes commands at."""
        return self.sockets / "qmp"

    def mac(self, prefix: str) -> str:
        """A network address that no other machine of this session has."""
        return f"{prefix}:00:00:{self.number:02x}"


def command_line(image: Image, wires: Wires, clock: str | None = None) -> list[str]:
    """The emulator with all its options; `clock` is what its clock chip says at the start, if not the time."""
    special = _with_pci(image, wires) if image.kind.has_pci else _raspberry(image, wires)
    return [
        image.kind.emulator, *image.kind.board, *_acceleration(),
        "-nodefaults", "-display", "none", *special,
        "-qmp", f"unix:{wires.control},server=on,wait=off",
        "-trace", "enable=hid_kbd_queue_full",
        "-kernel", str(image.kernel), "-initrd", str(image.initrd),
        *(("-rtc", f"base={clock}") if clock else ()),
    ]  # fmt: skip


def free_port() -> int:
    """A TCP port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _acceleration() -> tuple[str, ...]:
    """Emulation, unless somebody says that this machine can do better: not every /dev/kvm that opens works."""
    return ("-accel", os.environ.get("PI_AUTO_VM_ACCEL", "tcg,thread=multi"))


def _with_pci(image: Image, wires: Wires) -> list[str]:
    ports = {JOURNAL: wires.journal, CONSOLE: wires.console}
    shell = f"net=10.0.9.0/24,restrict=on,hostfwd=tcp:127.0.0.1:{wires.port}-:22"
    return [
        "-serial", f"file:{wires.serial}",
        "-drive", f"file={wires.disk},if=none,id=hd,cache=writeback", "-device", "virtio-blk-pci,drive=hd",
        *_network("ssh", shell, wires, SSH_MAC_PREFIX),
        *_network("own", "net=10.0.2.0/24", wires, OWN_MAC_PREFIX),
        *(
            word
            for number, (name, file) in enumerate(ports.items())
            for word in (
                "-chardev", f"file,id=wire{number},path={file},append=on",
                "-device", f"virtserialport,chardev=wire{number},name={name}",
            )
        ),
        "-append", f"root=LABEL=rootfs rw console=tty1 console={image.kind.console} quiet",
    ]  # fmt: skip


def _raspberry(image: Image, wires: Wires) -> list[str]:
    """One USB port, at which the keyboard and the only network hang by a hub; the disk is an SD card."""
    return [
        "-dtb", str(image.device_tree),
        "-serial", f"file:{wires.journal}", "-serial", f"file:{wires.serial}",
        "-drive", f"file={wires.disk},if=sd,format=qcow2,cache=writeback",
        "-netdev", f"user,id=net-own,net=10.0.2.0/24,hostfwd=tcp:127.0.0.1:{wires.port}-:22",
        "-device", f"usb-net,netdev=net-own,id=own,mac={wires.mac(OWN_MAC_PREFIX)}",
        "-append", f"root=LABEL=rootfs rw rootwait console=tty1 console={image.kind.console} quiet",
    ]  # fmt: skip


def _network(name: str, options: str, wires: Wires, prefix: str) -> list[str]:
    return [
        "-netdev", f"user,id=net-{name},{options}",
        "-device", f"virtio-net-pci,netdev=net-{name},id={name},romfile=,mac={wires.mac(prefix)}",
    ]  # fmt: skip
