"""A scanner that the kernel takes for a keyboard: a device of /dev/uinput, typed into as the virtual one is.

Source: <linux/uinput.h>. The kernel stamps the events, and drops them when 64 wait. Needs root.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path

from pi_auto.client.capture.events import EV_KEY, EV_SYN
from pi_auto.simulator.scanner import VirtualScanner

UINPUT = Path("/dev/uinput")
_CREATE, _DESTROY, _SETUP, _SET_EVBIT, _SET_KEYBIT = 0x5501, 0x5502, 0x405C5503, 0x40045564, 0x40045565
_GET_SYSNAME = 0x8040552C  # into 64 bytes
_FORM = struct.Struct("=HHHH80sI")  # struct uinput_setup
_USB, _NOBODY = 3, 0xF055
_KEYS = range(1, 249)
_COMES_WITHIN = 10.0  # seconds


class UinputScanner(VirtualScanner):
    """Plugged in from the start; `path` is its event node."""

    def __init__(self) -> None:
        self._descriptor = os.open(UINPUT, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        for kind in (EV_SYN, EV_KEY):
            fcntl.ioctl(self._descriptor, _SET_EVBIT, kind)
        for key in _KEYS:
            fcntl.ioctl(self._descriptor, _SET_KEYBIT, key)
        fcntl.ioctl(self._descriptor, _SETUP, _FORM.pack(_USB, _NOBODY, 1, 1, b"Bench Barcode Scanner", 0))
        fcntl.ioctl(self._descriptor, _CREATE)
        self._dropped = False
        self.path = self._node()

    def close(self) -> None:
        """Unplug it."""
        fcntl.ioctl(self._descriptor, _DESTROY)
        os.close(self._descriptor)

    def _node(self) -> Path:
        name = fcntl.ioctl(self._descriptor, _GET_SYSNAME, bytes(64)).split(b"\0")[0].decode()
        folder = Path("/sys/devices/virtual/input") / name
        deadline = time.monotonic() + _COMES_WITHIN
        while time.monotonic() < deadline:
            node = next((Path("/dev/input") / each.name for each in folder.glob("event*")), None)
            if node and node.exists():
                return node
            time.sleep(0.05)
        raise SystemExit(f"{folder} got no event node")
