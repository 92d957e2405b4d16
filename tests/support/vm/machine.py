"""One virtual Pi: QEMU over a disk of its own, a shell by ssh, scanners to plug in, a power cord to pull."""

from __future__ import annotations

import shlex
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from support.vm.image import Image
from support.vm.keyboard import keys_for
from support.vm.qmp import Qmp, QmpError
from support.waiting import wait_until

HOST = "10.0.2.2"  # what the guest calls the machine it runs on
BOOTS_WITHIN = 180.0  # seconds, in software emulation on a busy machine
_HOLD = 20  # milliseconds a key is held: below 10 the emulator loses some


class Machine:
    """A virtual Pi with its files in `folder`."""

    def __init__(self, image: Image, folder: Path, *, base: Path | None = None) -> None:
        self._image, self._folder = image, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._disk = folder / "disk.qcow2"
        self.serial = folder / "serial.log"
        self._sockets = Path(tempfile.mkdtemp(prefix="vm-"))  # paths of sockets must be short
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._qmp: Qmp | None = None
        backing = base or image.disk
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(backing), str(self._disk)],
            check=True,
        )

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pull_the_plug()

    @property
    def disk(self) -> Path:
        """The disk, for others to build upon once this machine is off."""
        return self._disk

    def power_on(self) -> None:
        """Start it and wait until it can be logged into."""
        self._process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        control = self._sockets / "qmp"
        wait_until(control.exists, 30, "QEMU has started")
        self._qmp = Qmp(control)
        self.wait_for_login()

    def pull_the_plug(self) -> None:
        """SIGKILL: whatever the guest had not written is gone."""
        self._forget_shell()
        if self._qmp:
            self._qmp.close()
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._process = self._qmp = None
        (self._sockets / "qmp").unlink(missing_ok=True)

    def shut_down(self) -> None:
        """The clean way."""
        self.run("sudo systemctl poweroff", check=False)
        assert self._process is not None
        self._process.wait(BOOTS_WITHIN)
        self.pull_the_plug()

    def reboot(self) -> None:
        """Restart the guest and wait until it can be logged into again."""
        former = self.run("cat /proc/sys/kernel/random/boot_id")
        self.run("sudo systemctl reboot", check=False)
        self._forget_shell()
        wait_until(lambda: self._boot_id() not in {None, former}, BOOTS_WITHIN, "the guest is back")

    def wait_for_login(self) -> None:
        """Until ssh answers."""
        wait_until(lambda: self._boot_id() is not None, BOOTS_WITHIN, "the guest can be logged into")

    def run(self, command: str, *, check: bool = True, timeout: float = 300.0) -> str:
        """What a command line of the user `pi` prints; AssertionError with all it said if it fails."""
        done = self._ssh(command, timeout)
        if check and done.returncode:
            raise AssertionError(f"{command!r} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def status_of(self, command: str, *, timeout: float = 300.0) -> tuple[int, str]:
        """Exit code and all that a command printed."""
        done = self._ssh(command, timeout)
        return done.returncode, f"{done.stdout}{done.stderr}"

    def copy_in(self, *files: Path, to: str = "/home/pi/") -> None:
        """The guide's scp."""
        target = ["-P", str(self._port), *self._ssh_options(), *map(str, files), f"pi@127.0.0.1:{to}"]
        subprocess.run(["scp", "-q", *target], check=True, timeout=120)

    def plug_in(self, name: str = "kbd1", *, port: int | None = None) -> None:
        """Plug in a USB keyboard, which is what a scanner looks like; at a port of its own if one is named."""
        place = {} if port is None else {"port": str(port)}
        self._control.ask("device_add", driver="usb-kbd", id=name, bus="xhci.0", **place)

    def unplug(self, name: str = "kbd1") -> None:
        """Pull it out."""
        self._control.ask("device_del", id=name)
        wait_until(lambda: not self._is_plugged(name), what=f"{name} is unplugged")

    def type(self, text: str, *, enter: bool = True) -> None:
        """Type a code on the keyboard that was plugged in last."""
        for combination in keys_for(text, enter=enter):
            keys = [{"type": "qcode", "data": key} for key in combination]
            self._control.ask("send-key", keys=keys, **{"hold-time": _HOLD})
            time.sleep(2 * _HOLD / 1000)  # the emulator releases the key by itself, after its hold time

    def network(self, *, on: bool) -> None:
        """Plug the network cable in or out; the shell goes with it."""
        self._control.ask("set_link", name="nic0", up=on)

    def save(self, name: str) -> None:
        """Keep the whole state, memory and all, inside the disk."""
        self._control.monitor(f"savevm {name}")

    @property
    def _control(self) -> Qmp:
        assert self._qmp is not None, "it is off"
        return self._qmp

    def _is_plugged(self, name: str) -> bool:
        try:
            self._control.ask("qom-list", path=f"/machine/peripheral/{name}")
        except QmpError:
            return False
        return True

    def _boot_id(self) -> str | None:
        try:
            done = self._ssh("cat /proc/sys/kernel/random/boot_id", 20.0)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def _ssh(self, command: str, timeout: float) -> subprocess.CompletedProcess[str]:
        line = ["ssh", "-p", str(self._port), *self._ssh_options(), "pi@127.0.0.1", command]
        return subprocess.run(
            line, check=False, capture_output=True, text=True, errors="replace", timeout=timeout,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def _ssh_options(self) -> list[str]:
        settings = {
            "BatchMode": "yes", "LogLevel": "ERROR",
            "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null",
            "ConnectTimeout": "10", "IdentitiesOnly": "yes", "IdentityFile": str(self._image.key),
            # One login for many commands: each costs a second in emulation.
            "ControlMaster": "auto", "ControlPersist": "600", "ControlPath": str(self._sockets / "ssh"),
        }  # fmt: skip
        return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]

    def _forget_shell(self) -> None:
        control = ["ssh", "-o", f"ControlPath={self._sockets / 'ssh'}", "-O", "exit", "pi@127.0.0.1"]
        subprocess.run(control, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _command(self) -> list[str]:
        return shlex.split(
            "qemu-system-x86_64 -M q35,i8042=off,usb=off,vmport=off -accel tcg,thread=multi -cpu qemu64"
            f" -smp 2 -m 768 -nodefaults -display none -serial file:{self.serial}"
            f" -qmp unix:{self._sockets / 'qmp'},server=on,wait=off"
            f" -drive file={self._disk},if=none,id=hd,cache=writeback -device virtio-blk-pci,drive=hd"
            f" -netdev user,id=n0,hostfwd=tcp:127.0.0.1:{self._port}-:22"
            " -device virtio-net-pci,netdev=n0,id=nic0,romfile="
            " -device virtio-rng-pci -device qemu-xhci,id=xhci"
            f" -kernel {self._image.kernel} -initrd {self._image.initrd}"
            ' -append "root=LABEL=rootfs rw console=tty1 console=ttyS0 quiet"'
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
