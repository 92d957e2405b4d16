"""Waits until a device may have come or gone, by the kernel's word: inotify(7) on the folders of device nodes.

udev gives a new node its group a moment after the kernel has made it, and a change of rights is told as
well. Nothing here opens a device. Where the kernel tells nothing of a folder, `covers` says so.
"""

from __future__ import annotations

import os
import re
import select
import struct
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

from pi_auto.client.spool.doorbell import Bell

SETTLED = 0.2  # seconds in which all the nodes of a scanner have come, on a slow Pi
_ATTRIB, _MOVED_TO, _CREATE, _DELETE = 0x04, 0x80, 0x100, 0x200  # inotify.h
_OVERFLOWN, _IS_FOLDER = 0x4000, 0x4000_0000
_EVENT = struct.Struct("@iIII")
_MOST = 64 * 1024
_NODES = re.compile(r"event\d+|hidraw\d+|tty(ACM|USB)\d+|\d{3}")  # the last are USB devices, by bus
_FOLDERS = re.compile(r"input|bus|usb|\d{3}")
_USB = "bus/usb"


class Plugging:
    """A wait that ends when somebody rings, or when a node below `devices` has come, gone or got other rights.

    `named` is one more node that is waited for, wherever it is to come; of `files` it ends when one is replaced.
    At `door` somebody rings who has no other way to say that it is time to look.
    """

    def __init__(
        self, devices: Path, named: Path | None = None, files: Collection[Path] = (), door: Path | None = None
    ) -> None:
        self._devices, self._named, self._files, self._door = devices, named, files, door
        self._doorbell: Bell | None = None
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._add: Callable[[bytes], bool] | None = None
        self._inotify = -1
        self._covered: frozenset[Path] = frozenset()

    def ring(self) -> None:
        """End the wait, from any thread and without waiting."""
        os.eventfd_write(self._bell, 1)

    def watch(self) -> None:
        """Have the kernel tell of what comes from now on; what is there already must be looked for after this."""
        if self._add is None:
            self._inotify, self._add = _inotify()
            self._doorbell = _hung(self._door) if self._door else None
        # Folders come with the first device and go with the last, so each is asked for anew each time.
        add = self._add
        self._covered = frozenset(folder for folder in self._folders() if add(os.fsencode(folder)))

    def covers(self, node: Path | None = None) -> bool:
        """Whether the kernel tells when a node comes; without one: whether it tells of devices at all."""
        return (node.parent if node else self._devices) in self._covered

    def wait(self, seconds: float | None) -> None:
        """Until somebody rings, until what has come has settled, or until the time is over."""
        end = None if seconds is None else time.monotonic() + seconds
        watched = [self._bell, *([self._inotify] if self._inotify >= 0 else []), *self._rung()]
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            ready = select.select(watched, [], [], left)[0]
            if self._bell in ready:
                os.eventfd_read(self._bell)
                return
            if not ready:
                return
            if self._doorbell and self._doorbell.fileno() in ready:
                time.sleep(SETTLED)  # whoever rings again and again has it look five times a second, and no more
                self._doorbell.silence()
                return
            if self._is_of_interest():
                time.sleep(SETTLED)
                self.watch()
                self._is_of_interest()
                return

    def _rung(self) -> list[int]:
        return [self._doorbell.fileno()] if self._doorbell else []

    def _folders(self) -> Iterable[Path]:
        usb = self._devices / _USB
        named = [path.parent for path in (self._named, *self._files) if path]
        return {self._devices, self._devices / "input", usb, *usb.glob("*"), *named}

    def _is_of_interest(self) -> bool:
        """Whether any of what the kernel has told so far is of a device that may be a scanner."""
        with suppress(BlockingIOError):
            told = os.read(self._inotify, _MOST)
            return any(self._matters(mask, name) for mask, name in _events(told))
        return False

    def _matters(self, mask: int, name: str) -> bool:
        if mask & _OVERFLOWN or (self._named and name == self._named.name):
            return True
        if mask & _MOVED_TO and any(name == file.name for file in self._files):
            return True
        if mask & _IS_FOLDER:
            return bool(mask & _CREATE and _FOLDERS.fullmatch(name))
        # That a node is made is told again when udev has given it its rights, and only then is it any use.
        return bool(not mask & _CREATE and _NODES.fullmatch(name))


def _hung(door: Path) -> Bell | None:
    """A bell for those of the folder's group. Without one what they have to say is noticed later."""
    with suppress(OSError):
        return Bell(door, mode=0o660)
    return None


def _events(told: bytes) -> Iterable[tuple[int, str]]:
    place = 0
    while place + _EVENT.size <= len(told):
        _, mask, _, length = _EVENT.unpack_from(told, place)
        place += _EVENT.size
        yield mask, os.fsdecode(told[place : place + length].split(b"\0", 1)[0])
        place += length


def _inotify() -> tuple[int, Callable[[bytes], bool]]:
    """A descriptor to wait for, and what has it tell of a folder as well."""
    import ctypes  # noqa: PLC0415 - loaded when the scanners that are plugged in are open already

    libc = ctypes.CDLL(None)
    descriptor: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)

    def add(folder: bytes) -> bool:
        watched: int = libc.inotify_add_watch(descriptor, folder, _ATTRIB | _MOVED_TO | _CREATE | _DELETE)
        return watched >= 0

    return descriptor, add
