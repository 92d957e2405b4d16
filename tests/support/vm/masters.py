"""Master images and their copies: a card to make one of, a disk for its copies, a look into one."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

_SECTOR, _START = 512, 2048  # where the first partition begins, in sectors
_LINUX = 0x83
_LOOK = 'mount -o "ro,loop,offset=$OFFSET" "$DISK" "$FOLDER" && cd "$FOLDER" && eval "$COMMAND"'


def as_card(disk: Path, card: Path) -> Path:
    """Write `card`: an SD card's image, with a partition table in front of the file system in `disk`."""
    raw = card.with_suffix(".raw")
    _run("qemu-img", "convert", "-O", "raw", str(disk), str(raw))
    sectors = raw.stat().st_size // _SECTOR
    entry = struct.pack("<B3sB3sII", 0, b"\0\0\0", _LINUX, b"\0\0\0", _START, sectors)
    card.write_bytes(b"\0" * 446 + entry + b"\0" * 48 + b"\x55\xaa")
    _run(
        "dd", f"if={raw}", f"of={card}", f"bs={_SECTOR * _START}", "seek=1", "conv=sparse,notrunc", "status=none",
    )  # fmt: skip
    raw.unlink()
    return card


def as_disk(card: Path) -> Path:
    """The card as a disk that machines can be built upon."""
    disk = card.with_suffix(".qcow2")
    _run("qemu-img", "convert", "-O", "qcow2", str(card), str(disk))
    return disk


def look_into(disk: Path, command: str, *, partitioned: bool) -> str:
    """What a shell command prints in the root folder of a raw disk that no machine runs from."""
    folder = disk.with_suffix(".look")
    folder.mkdir(exist_ok=True)
    told = {
        "DISK": str(disk), "FOLDER": str(folder), "COMMAND": command, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "OFFSET": str(_SECTOR * _START if partitioned else 0),
    }  # fmt: skip
    line = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _LOOK]
    return subprocess.run(line, env=told, capture_output=True, text=True, check=True).stdout


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
