"""Whether there is room on the disk, and whether it can be written at all."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient

_PLACES = ("/opt", "/var/log")
_LEAST, _LITTLE = 50 * 2**20, 200 * 2**20  # bytes
_FEWEST, _FEW = 500, 5000  # inodes
_MAKE_ROOM = (
    "make room: sudo apt-get clean; sudo journalctl --vacuum-size=50M; see: sudo du -xh / | sort -h | tail"
)


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system; `inodes` is None where it has no fixed number of them."""

    path: str
    free: int
    inodes: int | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """The file systems that the client lives on."""

    disks: tuple[Disk, ...] = ()


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Ask for each file system once."""
    disks: dict[int, Disk] = {}
    for path in (patient.settings.state, *(patient.at(place) for place in _PLACES)):
        there = next(each for each in (path, *path.parents) if each.exists())
        told = os.statvfs(there)
        inodes = told.f_favail if told.f_files else None
        read_only = bool(told.f_flag & os.ST_RDONLY)
        disks.setdefault(there.stat().st_dev, Disk(str(path), told.f_bavail * told.f_frsize, inodes, read_only))
    return Facts(tuple(disks.values()))


def judge(facts: Facts) -> Verdict:
    """What that means."""
    for disk in facts.disks:
        if disk.read_only:
            return wrong(
                f"the disk under {disk.path} can only be read: the kernel gave it up, or it was mounted so",
                "see: sudo dmesg | grep -i -e mmc -e ext4; replace a card that fails; then: sudo reboot",
            )
    disk = min(facts.disks, key=lambda each: each.free)
    if disk.free < _LEAST:
        return wrong(f"the disk under {disk.path} is full: {disk.free // 2**20} MiB are free", _MAKE_ROOM)
    scarce = min(facts.disks, key=_inodes)
    if _inodes(scarce) < _FEWEST:
        return wrong(
            f"the disk under {scarce.path} takes no more files: {scarce.inodes} inodes are free", _MAKE_ROOM
        )
    if disk.free < _LITTLE:
        return warn(f"the disk under {disk.path} is filling up: {disk.free // 2**20} MiB are free", _MAKE_ROOM)
    if _inodes(scarce) < _FEW:
        return warn(f"the disk under {scarce.path} is filling up: {scarce.inodes} inodes are free", _MAKE_ROOM)
    return ok(f"{disk.free // 2**20} MiB free under {disk.path}")


def _inodes(disk: Disk) -> float:
    return float("inf") if disk.inodes is None else disk.inodes
