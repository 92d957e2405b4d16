"""One virtual Pi: QEMU over a disk of its own, a shell by ssh, scanners to plug in, a power cord to pull."""

from __future__ import annotations

import itertools
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from support.vm.emulator import Wires, command_line, free_port
from support.vm.image import Image
from support.vm.journal import Journal
from support.vm.keyboard import strokes_for
from support.vm.qmp import Qmp, QmpError, connected_to
from support.vm.strokes import Health
from support.waiting import wait_until

HOST = "10.0.2.2"  # what the guest calls the machine it runs on
BOOTS_WITHIN = 180.0  # seconds, in software emulation on a busy machine
_PACE = 0.032  # seconds a character: the emulated keyboard hands over an event each 8 ms, and keeps 16
_DROPPED = "hid_kbd_queue_full"
_FETCH = "sudo journalctl --quiet --follow --boot --lines=all --output=json"
_numbers = itertools.count(1)


class Machine:
    """A virtual Pi with its files in `folder`."""

    def __init__(
        self, image: Image, folder: Path, *, base: Path | None = None, twin_of: Machine | None = None
    ) -> None:
        """`base` is a disk to start from in the place of the image's own.

        A twin starts from a copy of another's disk, and has its network address and scanners.
        """
        self._image, self._folder = image, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._disk = folder / "disk.qcow2"
        self._sockets = Path(tempfile.mkdtemp(prefix="vm-"))  # paths of sockets must be short
        self.number: int = twin_of.number if twin_of else next(_numbers)
        self._wires = Wires(folder, self._sockets, self._disk, free_port(), self.number)
        self._process: subprocess.Popen[bytes] | None = None
        self._qmp: Qmp | None = None
        self._follower: subprocess.Popen[bytes] | None = None
        self._plugged: dict[str, int | None] = dict(twin_of._plugged) if twin_of else {}
        self.clock: str | None = None  # what its clock chip says at the next start, such as 1970-01-01T00:00:00
        self.patience = BOOTS_WITHIN * image.kind.slow
        self.journal = Journal(self._wires.journal)
        start = twin_of.disk if twin_of else base or image.disk
        make = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(start)]
        subprocess.run([*make, str(self._disk), "4G"], check=True)  # an SD card's size must be a power of two

    def __enter__(self) -> Self:
        try:
            self.power_on()
        except BaseException:
            self.pull_the_plug()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pull_the_plug()

    @property
    def disk(self) -> Path:
        """Its disk, to be looked into once it is off."""
        return self._disk

    @property
    def folder(self) -> Path:
        """Where its files are, on this side."""
        return self._folder

    @property
    def kind_name(self) -> str:
        """Which kind of virtual Pi it is."""
        return self._image.kind.name

    @property
    def slow(self) -> float:
        """How many times longer than the fastest kind it may take."""
        return self._image.kind.slow

    @property
    def has_wires(self) -> bool:
        """Whether its journal and its console's keys come out by themselves."""
        return self._image.kind.has_pci

    @property
    def is_on(self) -> bool:
        """Whether it has power."""
        return self._process is not None

    def power_on(self, *, wait: bool = True) -> None:
        """Start it and wait until it can be logged into."""
        command = command_line(self._image, self._wires, self.clock)
        with self._wires.words.open("ab") as words:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=words)
        started = f"QEMU has started; else see {self._wires.words}"
        self._qmp = Qmp(wait_until(lambda: connected_to(self._wires.control), 30, started))
        for name, port in self._plugged.items():
            self._plug(name, port)
        if wait:
            self.wait_for_login()

    def pull_the_plug(self) -> None:
        """SIGKILL: whatever the guest had not written is gone."""
        self.forget_shell()
        if self._qmp:
            self._qmp.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._qmp = None
        self._wires.control.unlink(missing_ok=True)

    def shut_down(self) -> None:
        """The clean way."""
        self.run("sudo systemctl poweroff", check=False)
        self.wait_until_off()

    def wait_until_off(self) -> None:
        """Until it has powered off by itself."""
        assert self._process is not None
        self._process.wait(self.patience)
        self.pull_the_plug()

    def reboot(self) -> None:
        """Restart the guest and wait until it can be logged into again."""
        former = self.boot_id()
        self.run("sudo systemctl reboot", check=False)
        self.wait_for_another_boot_than(former)

    def wait_for_another_boot_than(self, former: str | None) -> None:
        """Until ssh answers in a boot that is not that one."""
        self.forget_shell()
        wait_until(lambda: self.boot_id() not in {None, former}, self.patience, "the guest is back")
        self._follow()

    def wait_for_login(self) -> None:
        """Until ssh answers."""
        wait_until(lambda: self.boot_id() is not None, self.patience, "the guest can be logged into")
        self._follow()

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
        target = ["-P", str(self._wires.port), *self._ssh_options(), *map(str, files), f"pi@127.0.0.1:{to}"]
        subprocess.run(["scp", "-q", *target], check=True, timeout=300)

    def plug_in(self, name: str = "kbd1", *, port: int | None = None) -> None:
        """Plug in a USB keyboard, which is what a scanner looks like; at a port of its own if one is named."""
        self._plug(name, port)
        self._plugged[name] = port

    def unplug(self, name: str = "kbd1") -> None:
        """Pull it out."""
        del self._plugged[name]
        self._control.ask("device_del", id=name)
        wait_until(lambda: not self._knows(name), what=f"{name} is unplugged")

    def plug_in_line(self, name: str = "line1") -> socket.socket:
        """Plug in a USB serial adapter: what is written to the socket comes in at it; closing it unplugs it."""
        address = {"type": "unix", "data": {"path": str(self._sockets / name)}}
        backend = {"type": "socket", "data": {"addr": address, "server": True, "wait": False}}
        self._control.ask("chardev-add", id=name, backend=backend)
        place = {"chardev": name} | ({"bus": "xhci.0"} if self.has_wires else {})
        self._control.ask("device_add", driver="usb-serial", id=f"usb-{name}", serial=f"rig-{name}", **place)
        return self.plug_back_in(name)

    def plug_back_in(self, name: str = "line1") -> socket.socket:
        """The same adapter, after its socket was closed."""
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self._sockets / name))
        return line

    def remove_line(self, name: str = "line1") -> None:
        """Take the adapter away for good; its socket is closed."""
        self._control.ask("device_del", id=f"usb-{name}")
        wait_until(lambda: not self._knows(f"usb-{name}"), what=f"{name} is removed")
        wait_until(lambda: self._lets_go_of(name), what=f"{name}'s socket is removed")  # a moment after the device

    def type(self, text: str, *, on: str = "kbd1", enter: bool = True) -> None:
        """Type a code as fast as scanners do, on one of the keyboards that are plugged in."""
        where = {"device": _screen_of(on), "head": 0} if self.has_wires else {}
        for stroke in strokes_for(text, enter=enter):
            self._control.ask("input-send-event", events=stroke, **where)
            time.sleep(_PACE)

    def health(self) -> Health:
        """How the emulator has fared until now."""
        words = self._wires.words
        dropped = words.read_text(errors="replace").count(_DROPPED) if words.exists() else 0
        return Health(dropped, self._starved)

    def console_keys(self) -> bytes:
        """Every key that has reached the first console."""
        return self._wires.console.read_bytes() if self._wires.console.exists() else b""

    def network(self, *, on: bool) -> None:
        """Plug the Pi's network cable in or out; the shell has a cable of its own."""
        self._control.ask("set_link", name="own", up=on)

    def is_plugged(self, name: str) -> bool:
        """Whether a keyboard of this name is plugged in; a power cut does not pull it out."""
        return name in self._plugged

    def boot_id(self) -> str | None:
        """Which boot this is; None while it cannot be logged into."""
        try:
            done = self._ssh("cat /proc/sys/kernel/random/boot_id", 30.0)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def forget_shell(self) -> None:
        """End the kept login."""
        if self._follower:
            self._follower.kill()
            self._follower.wait()
            self._follower = None
        control = ["ssh", "-o", f"ControlPath={self._sockets / 'ssh'}", "-O", "exit", "pi@127.0.0.1"]
        subprocess.run(control, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def _control(self) -> Qmp:
        assert self._qmp is not None, "it is off"
        return self._qmp

    @property
    def _starved(self) -> float:
        """Seconds that the emulator's threads were ready to run and had to wait."""
        threads = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat") if self._process else ()
        total = 0
        for thread in threads:
            with suppress(OSError):  # it has just ended
                total += int(thread.read_text().split()[1])
        return total / 1e9

    def _plug(self, name: str, port: int | None) -> None:
        place = {} if port is None else {"port": str(port)}
        if self.has_wires:
            place |= {"bus": "xhci.0", "display": _screen_of(name)}
        self._control.ask("device_add", driver="usb-kbd", id=name, serial=f"rig-{name}", **place)

    def _knows(self, name: str) -> bool:
        try:
            self._control.ask("qom-list", path=f"/machine/peripheral/{name}")
        except QmpError:
            return False
        return True

    def _lets_go_of(self, line: str) -> bool:
        try:
            self._control.ask("chardev-remove", id=line)
        except QmpError:
            return False
        return True

    def _follow(self) -> None:
        """Where no wire leads out for the journal it is fetched by a login, as long as that lasts."""
        if self.has_wires:
            return
        command = ["ssh", "-p", str(self._wires.port), *self._ssh_options(), "pi@127.0.0.1", _FETCH]
        with self._wires.journal.open("ab") as journal:
            self._follower = subprocess.Popen(command, stdout=journal, stdin=subprocess.DEVNULL)

    def _ssh(self, command: str, timeout: float) -> subprocess.CompletedProcess[str]:
        line = ["ssh", "-p", str(self._wires.port), *self._ssh_options(), "pi@127.0.0.1", command]
        return subprocess.run(
            line, check=False, capture_output=True, text=True, errors="replace", timeout=timeout,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def _ssh_options(self) -> list[str]:
        settings = {
            "BatchMode": "yes", "LogLevel": "ERROR",
            "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null",
            "ConnectTimeout": str(int(5 * self._image.kind.slow)),
            "IdentitiesOnly": "yes", "IdentityFile": str(self._image.key),
            # One login for many commands: each costs a second in emulation.
            "ControlMaster": "auto", "ControlPersist": "600", "ControlPath": str(self._sockets / "ssh"),
            "ServerAliveInterval": "10", "ServerAliveCountMax": "6",
        }  # fmt: skip
        return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _screen_of(name: str) -> str:
    """A keyboard is bound to a screen, by which it is meant when keys are sent."""
    return f"screen{name[-1]}"
