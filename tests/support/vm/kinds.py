"""The kinds of virtual Pi there are: which Debian, which kernel, which of QEMU's machines.

A table, so that one more kind is one more line. `disk_of` names the kind whose disk it boots.
"""

from __future__ import annotations

from dataclasses import dataclass

_PCI = (
    "-device", "virtio-rng-pci", "-device", "qemu-xhci,id=xhci", "-device", "virtio-serial-pci",
    # Never looked at: each is what one keyboard is bound to, so that two can be typed on at once.
    "-device", "bochs-display,id=screen1", "-device", "bochs-display,id=screen2",
)  # fmt: skip
# On the fastest kind alone: while systemd reloads its units it does not feed the watchdog, and in the emulation of
# another architecture that takes longer than the 14 s which a Pi's can count.
_WATCHDOG = ("-device", "i6300esb", "-action", "watchdog=reset")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of virtual Pi."""

    name: str
    architecture: str  # Debian's word for it
    suite: str
    kernel: str  # Debian's package
    emulator: str
    needs: str  # Debian's package that has the emulator
    board: tuple[str, ...]
    console: str
    disk_of: str | None = None
    slow: float = 1.0  # how many times longer than amd64 it may take

    @property
    def has_pci(self) -> bool:
        """Whether it has virtio, two networks, a watchdog and keyboards that can be told apart."""
        return self.board[-len(_PCI) :] == _PCI

    @property
    def is_foreign(self) -> bool:
        """Whether its programs run here only by emulation."""
        return self.architecture != "amd64"


_PC = ("-M", "q35,i8042=off,usb=off,vmport=off", "-cpu", "qemu64", "-smp", "2", "-m", "768", *_WATCHDOG, *_PCI)
_ARM64 = ("-M", "virt,gic-version=2", "-cpu", "cortex-a53", "-smp", "2", "-m", "768", *_PCI)
_ARMHF = ("-M", "virt,highmem=off", "-cpu", "cortex-a15", "-smp", "2", "-m", "768", *_PCI)
_X86, _A64, _A32 = "qemu-system-x86_64", "qemu-system-aarch64", "qemu-system-arm"

KINDS = {
    kind.name: kind
    for kind in (
        Kind("amd64", "amd64", "bookworm", "linux-image-amd64", _X86, "qemu-system-x86", _PC, "ttyS0"),
        Kind("amd64-trixie", "amd64", "trixie", "linux-image-amd64", _X86, "qemu-system-x86", _PC, "ttyS0"),
        Kind(
            "arm64", "arm64", "bookworm", "linux-image-arm64", _A64, "qemu-system-arm", _ARM64, "ttyAMA0", slow=2.5
        ),
        Kind(
            "armhf", "armhf", "bookworm", "linux-image-armmp", _A32, "qemu-system-arm", _ARMHF, "ttyAMA0", slow=2.5
        ),
        Kind(
            "raspi3b", "arm64", "bookworm", "linux-image-arm64", _A64, "qemu-system-arm",
            ("-M", "raspi3b"), "ttyS1,115200", disk_of="arm64", slow=4,
        ),
    )
}  # fmt: skip
