"""Makes dist/: the two files of the guide, and the same as a Debian package for those who build images."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from archive import as_zipapp
from contents import File, release_files, version_of
from debian import as_package

_HOME = "usr/lib/pi-auto-client"
_CONTROL = """\
Package: pi-auto-client
Version: {version}
Architecture: all
Maintainer: Pi Auto Client <noreply@pi-auto.invalid>
Installed-Size: {size}
Depends: python3 (>= 3.11), systemd (>= 252), udev, logrotate, ca-certificates, openssl, util-linux
Recommends: python3-cryptography, unattended-upgrades
Section: misc
Priority: optional
Description: Raspberry Pi barcode appliance: the client
 Reads any USB barcode scanner, stores every scan durably and delivers it to a
 fleet server and an IoT hub.
"""


def build(root: Path, packages: Path, out: Path) -> list[Path]:
    """Write the three files to `out`; their paths. The same commit gives the same bytes."""
    epoch = epoch_of(root)
    client = as_zipapp(release_files(root, packages, epoch), epoch)
    installer = (root / "install/install_pi_client.sh").read_bytes()
    version = version_of(root)
    made = {
        "pi_auto_client.py": client,
        "install_pi_client.sh": installer,
        f"pi-auto-client_{version}_all.deb": _package(root, version, client, installer, epoch),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (out / name).write_bytes(content)
        (out / name).chmod(0o644 if name.endswith(".deb") else 0o755)
    return [out / name for name in made]


def _package(root: Path, version: str, client: bytes, installer: bytes, epoch: int) -> bytes:
    data = [
        File(f"{_HOME}/pi_auto_client.py", client, executable=True),
        File(f"{_HOME}/install_pi_client.sh", installer, executable=True),
        File("usr/share/doc/pi-auto-client/copyright", (root / "LICENSE").read_bytes()),
    ]
    size = sum(len(file.content) for file in data) // 1024
    sums = "".join(f"{hashlib.md5(file.content).hexdigest()}  {file.name}\n" for file in data)  # noqa: S324 - deb(5)
    control = [
        File("control", _CONTROL.format(version=version, size=size).encode()),
        File("md5sums", sums.encode()),
        *(File(path.name, path.read_bytes(), executable=True) for path in (root / "install/debian").iterdir()),
    ]
    return as_package(sorted(control), sorted(data), epoch)


def epoch_of(root: Path) -> int:
    """SOURCE_DATE_EPOCH, or the time of the commit, or where there is none a moment in 2024."""
    if told := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(told)
    command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        said = ""
    return int(said or 1_704_067_200)
