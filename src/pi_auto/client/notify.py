"""What a service and systemd say to each other: ready, alive, and keep these descriptors for me while I restart.

Source: sd_notify(3), sd_listen_fds(3), systemd.service(5). Where no service manager started this
process every call does nothing. Nothing here waits or fails: a service must not stop
working because nobody listens.
"""

from __future__ import annotations

import array
import os
import re
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress

_FIRST = 3  # SD_LISTEN_FDS_START
_MOST = 1024  # descriptors; far more than FileDescriptorStoreMax= of any unit of ours
_PINGS = 3  # in the time after which systemd would believe this process to hang
_NAME = re.compile(r"[\w.-]{1,255}\Z", re.ASCII)


class Manager:
    """The service manager that has started this process; `environment` is what it told."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._pause = _watchdog_seconds(environment) / _PINGS
        self._next_ping = 0.0

    def ready(self) -> None:
        """Say that this service does its work from now on."""
        self._say("READY=1")

    def stopping(self) -> None:
        """Say that this service is about to end."""
        self._say("STOPPING=1")

    def alive(self) -> None:
        """Say that this service does not hang. To be called often; it is passed on when it is due."""
        now = time.monotonic()
        if self._pause and now >= self._next_ping:
            self._next_ping = now + self._pause
            self._say("WATCHDOG=1")

    @property
    def listens(self) -> bool:
        """Whether there is one."""
        return bool(self._address)

    def replaced_by(self, process: int) -> int:
        """Say that `process`, a child of this one, is the service from now on.

        The descriptor that is returned hangs up when the manager has taken note, and not before.
        """
        waiting, barrier = os.pipe2(os.O_CLOEXEC)
        try:
            self._say(f"MAINPID={process}")
            self._say("BARRIER=1", barrier)
        finally:
            os.close(barrier)
        return waiting

    def keep(self, descriptor: int, name: str) -> None:
        """Have a copy of `descriptor` kept under `name`, to be handed to the next process of this service.

        systemd drops it by itself when its device has gone. A descriptor that it has already is not kept twice.
        """
        _check(name)
        self._say(f"FDSTORE=1\nFDNAME={name}", descriptor)

    def forget(self, name: str) -> None:
        """Have everything that is kept under `name` closed."""
        _check(name)
        self._say(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def _say(self, text: str, *descriptors: int) -> None:
        if not self._address:
            return
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as way:
            way.sendmsg([text.encode()], rights, 0, self._address)


def handed_over(environment: MutableMapping[str, str] = os.environ) -> dict[str, list[int]]:
    """The descriptors that were kept for this process, by name. They are told once, and no child inherits them."""
    told = [environment.pop(f"LISTEN_{what}", "") for what in ("PID", "FDS", "FDNAMES")]
    if told[0] != str(os.getpid()) or not told[1].isdecimal():
        return {}
    found: dict[str, list[int]] = {}
    names = told[2].split(":")
    for place, descriptor in enumerate(range(_FIRST, _FIRST + min(int(told[1]), _MOST))):
        with suppress(OSError):  # not open after all
            os.set_inheritable(descriptor, False)
            found.setdefault(names[place] if place < len(names) else "unknown", []).append(descriptor)
    return found


def _address(told: str) -> str:
    """The socket's address as Python takes it; empty if there is none that we know."""
    if told.startswith("@"):
        return "\0" + told[1:]
    return told if told.startswith("/") else ""


def _watchdog_seconds(environment: MutableMapping[str, str]) -> float:
    microseconds = environment.get("WATCHDOG_USEC", "")
    for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(microseconds) / 1e6 if for_us and microseconds.isdecimal() else 0.0


def _check(name: str) -> None:
    if not _NAME.match(name):
        raise ValueError(f"name is {name!r}; allowed: 1 to 255 of A-Z a-z 0-9 _ . -")
