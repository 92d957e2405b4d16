"""Lets this machine run programs of another architecture, which installing packages into a disk of it takes.

Root, qemu-user-static and the kernel's binfmt_misc. The handler is registered with the flag F:
its emulator is opened at once, and so is found from inside every chroot.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_REGISTRY = Path("/proc/sys/fs/binfmt_misc")
_ZEROES, _ONES = r"\x00" * 8, r"\xff" * 8
_MASKED = rf"\xff\xff\xff\xff\xff\xff\xff\x00{_ONES}\xfe\xff\xff\xff"


class CannotRunForeign(Exception):  # noqa: N818 - named for what is the matter
    """Programs of another architecture cannot be run here; the text says what is missing."""


def _magic(bits: str, machine: str) -> str:
    return rf"\x7fELF{bits}\x01\x01\x00{_ZEROES}\x02\x00{machine}\x00"


_EMULATORS = {
    "arm64": ("qemu-aarch64", _magic(r"\x02", r"\xb7")),
    "armhf": ("qemu-arm", _magic(r"\x01", r"\x28")),
}


def prepare(architecture: str) -> None:
    """Make programs of `architecture` run here. Raises CannotRunForeign."""
    name, magic = _EMULATORS[architecture]
    emulator = Path(f"/usr/bin/{name}-static")
    if not emulator.exists():
        raise CannotRunForeign(f"{emulator} is missing: apt-get install qemu-user-static")
    _mount()
    handler = _REGISTRY / name
    if handler.exists() and "flags: " in (told := handler.read_text()):
        if "F" in told.split("flags: ")[1].split()[0]:
            return
        handler.write_text("-1")  # without F it would be looked for inside the chroot
    try:
        (_REGISTRY / "register").write_text(f":{name}:M::{magic}:{_MASKED}:{emulator}:OCF")
    except OSError as error:
        raise CannotRunForeign(f"binfmt_misc refuses the handler for {architecture}: {error.strerror}") from None


def _mount() -> None:
    if (_REGISTRY / "register").exists():
        return
    if shutil.which("modprobe"):  # where there is none, the kernel may have it built in
        subprocess.run(["modprobe", "binfmt_misc"], check=False, capture_output=True)
    command = ["mount", "-t", "binfmt_misc", "binfmt_misc", str(_REGISTRY)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CannotRunForeign(f"the kernel's binfmt_misc cannot be used: {done.stderr.strip()}")
