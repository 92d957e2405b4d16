"""A machine to install on without a machine: this one's root folder under an overlay, entered by chroot.

Everything the installer runs is real but for what needs a running systemd or kernel modules:
those commands are small scripts that write down how they were called. Whatever is changed
stays in a file system in memory and is gone with the box. Needs root.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_MOUNT = """
set -eu
mount -t overlay overlay -o "lowerdir=/,upperdir=$DISK/upper,workdir=$DISK/work" "$DISK/root"
"""
_ENTER = f"""{_MOUNT}
mount --rbind /proc "$DISK/root/proc"
mount --rbind /sys "$DISK/root/sys"
mount --rbind /dev "$DISK/root/dev"
mount -t tmpfs tmpfs "$DISK/root/run"
mkdir -p "$DISK/root/run/systemd/system"
if [ -n "$SMALL" ]; then mount -t tmpfs -o "size=$SMALL" tmpfs "$DISK/root/opt"; fi
exec chroot "$DISK/root" /bin/sh -c "cd /home/pi && $COMMAND"
"""
_SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> /srv/called
case "$1" in
    is-active) [ -e "/srv/active-$2" ] && echo active ;;
    restart)
        version=$(cat /opt/pi-auto-client/current/app/appliance/version)
        for unit in pi-auto-capture.service pi-auto-client.service; do
            if [ "$version" = "$(cat /srv/broken 2>/dev/null)" ]; then rm -f "/srv/active-$unit"
            else touch "/srv/active-$unit"; fi
        done ;;
    start) shift; for unit; do touch "/srv/active-$unit"; done ;;
    stop) shift; for unit; do rm -f "/srv/active-$unit"; done ;;
    show)
        for unit; do :; done
        if [ -e "/srv/active-$unit" ]; then echo ActiveState=active; else echo ActiveState=inactive; fi
        echo NRestarts=0 ;;
    disable) rm -f /srv/active-* ;;
esac
"""
_FAKES = {
    "systemctl": _SYSTEMCTL,
    "journalctl": "#!/bin/sh\necho 'cannot register with https://fleet.example:5443: no network'\n",
    "udevadm": '#!/bin/sh\necho "udevadm $*" >> /srv/called\n',
    "logrotate": "#!/bin/sh\n",
    "apt-get": '#!/bin/sh\necho "apt-get $*" >> /srv/called\n',
    "modprobe": '#!/bin/sh\necho "modprobe $*" >> /srv/called\n',
}


class Box:
    """The machine, for a `with` statement; `folder` is where its disk is mounted."""

    def __init__(self, folder: Path) -> None:
        self._disk = folder

    def __enter__(self) -> Self:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(self._disk)], check=True)
        for name in ("upper/home/pi", "upper/srv", "upper/usr/local/sbin", "work", "root"):
            (self._disk / name).mkdir(parents=True)
        for name, script in _FAKES.items():
            self.write(f"/usr/local/sbin/{name}", script, mode=0o755)
        self.write("/etc/ssl/certs/ca-certificates.crt", "")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", str(self._disk)], check=True)

    def path(self, name: str) -> Path:
        """A file that this box has written, seen from outside."""
        return self._disk / "upper" / name.lstrip("/")

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> None:
        """Put a file into it."""
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        self.path(name).chmod(mode)

    def start(self, command: str, *, small: str = "", **environment: str) -> subprocess.Popen[str]:
        """Start a shell command in it, as root, in /home/pi; with `small`, its /opt holds no more than that."""
        told = {"DISK": str(self._disk), "COMMAND": command, "SMALL": small, **environment}
        path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER],
            env=path | told, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, command: str, *, small: str = "", **environment: str) -> tuple[int, str]:
        """Run one to its end: exit code, and all it said."""
        with self.start(command, small=small, **environment) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, out + err

    def beside(self, command: list[str]) -> tuple[int, str]:
        """Run a command on this machine, to which the box is only a folder: the one that it names {TREE}."""
        named = [word.replace("{TREE}", str(self._disk / "root")) for word in command]
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{_MOUNT} exec "$@"', "sh", *named],
            env=os.environ | {"DISK": str(self._disk)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def called(self) -> list[str]:
        """How the system's tools were called since this was last asked."""
        file = self.path("/srv/called")
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines


def can_be_built() -> bool:
    """Whether this machine lets us make one."""
    return os.geteuid() == 0 and Path("/usr/bin/dpkg").exists()
