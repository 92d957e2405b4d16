"""Notices that this device's own way into the network has changed: a worker that sleeps until the kernel says so.

What the kernel says is only taken as a knock; what is so now is asked for, and compared with what was before.
So a burst is one change, and what comes to nothing (a refreshed lease, a scan of the Wi-Fi) is none.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from pi_auto.client.agent.network.own_link import OwnLink, own_link
from pi_auto.client.agent.wakeups import Wakeups, readable

log = logging.getLogger("pi_auto.network")

# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE in linux/rtnetlink.h
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
_QUIET, _MOST_NOISE = 0.2, 1.0  # seconds: a burst is over after so much silence, and not listened to for longer
_LOOK, _LOOK_UNHEARD = 300.0, 5.0  # seconds between looks without a knock; the latter without a kernel that knocks


class Watching:
    """Calls `changed` from its own thread."""

    def __init__(
        self, wakeups: Wakeups, changed: Callable[[], None], link: Callable[[], OwnLink] = own_link
    ) -> None:
        self._wakeups, self._changed, self._link = wakeups, changed, link
        self._knocks = _knocks()

    def run(self) -> None:
        """Work until stopped."""
        seen = self._link()
        while not self._wakeups.stopped:
            self._sleep()
            now = self._link()
            if now != seen and not self._wakeups.stopped:
                seen = now
                log.info("this device's own way into the network has changed")
                self._changed()
        if self._knocks:
            self._knocks.close()

    def _sleep(self) -> None:
        """Until the kernel has knocked and is quiet again."""
        if self._knocks is None:
            readable(_LOOK_UNHEARD, self._wakeups.fileno())
            return
        readable(_LOOK, self._wakeups.fileno(), self._knocks.fileno())
        until = time.monotonic() + _MOST_NOISE
        while _heard(self._knocks) and not self._wakeups.stopped and time.monotonic() < until:
            readable(_QUIET, self._wakeups.fileno(), self._knocks.fileno())


def _knocks() -> socket.socket | None:
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        sock.setblocking(False)
        sock.bind((0, _GROUPS))
    except OSError as error:
        log.warning("the kernel does not tell of changes of the network: %s; looking now and then", error)
        return None
    return sock


def _heard(knocks: socket.socket) -> bool:
    """Whether something had come, which is thrown away."""
    heard = False
    with suppress(BlockingIOError):
        while True:
            heard = True if _take(knocks) else heard
    return heard


def _take(knocks: socket.socket) -> bool:
    """Take one knock. Raises BlockingIOError where there is none; ENOBUFS says that there were too many."""
    try:
        return bool(knocks.recv(64 * 1024))
    except BlockingIOError:
        raise
    except OSError:
        return True
