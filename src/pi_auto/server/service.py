"""What the server tells the service manager that has started it: ready, alive, stopping.

Source: sd_notify(3), systemd.service(5). Ready is said once a request was answered, and alive as
long as requests are: a server that runs and answers nobody is started again. Without a service
manager nothing is said. Nothing here ends the server.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

_PINGS = 3  # in the time after which systemd would believe that the server hangs
_PAUSE = 20.0  # seconds between two looks where it keeps no watch
_RETRY = 1.0


class Service:
    """The service manager as `environment` tells of it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        watched = environment.get("WATCHDOG_USEC", "")
        self._pause = int(watched) / 1e6 / _PINGS if watched.isdecimal() and int(watched) else _PAUSE
        self._ending = threading.Event()

    def attend(self, answers: Callable[[], bool]) -> None:
        """From now on say so in the background whenever the server `answers`."""
        if self._address:
            threading.Thread(target=self._attend, args=(answers,), name="service", daemon=True).start()

    def stopping(self) -> None:
        """Say that it is about to end, and no more that it is alive."""
        self._ending.set()
        self._say("STOPPING=1")

    def _attend(self, answers: Callable[[], bool]) -> None:
        ready, pause = "READY=1\n", 0.0
        while not self._ending.wait(pause):
            if answers():
                self._say(f"{ready}WATCHDOG=1")
                ready, pause = "", self._pause
            else:
                pause = min(_RETRY, self._pause)

    def _say(self, text: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as way:
            way.sendto(text.encode(), self._address)


def _address(told: str) -> str:
    """The socket's address as Python takes it; empty if there is none that we know."""
    if told.startswith("@"):
        return "\0" + told[1:]
    return told if told.startswith("/") else ""
