"""Makes keyboards on a virtual Pi by /dev/uinput, and has them send events exactly as told. Runs as root.

    python3 uinput.py FIFO

Reads a command a line from FIFO, which it makes, for ever:

    create ID NAME...                 a keyboard on a USB bus
    frames ID MICROSECONDS FRAME...   so long from one to the next; a frame is TYPE:CODE:VALUE,TYPE:CODE:VALUE,…
    destroy ID                        unplugs it
    wait SECONDS
    signal PID NAME                   such as STOP or CONT
    say WORD                          on stdout, when all before it is done

Frames of one line that begin with ID/ go to another keyboard: `frames a 1000 b/1:30:1,0:0:0`. The kernel stamps
events itself. Source: <linux/uinput.h>.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import sys
import time
from pathlib import Path

_UI_DEV_CREATE, _UI_DEV_DESTROY, _UI_DEV_SETUP = 0x5501, 0x5502, 0x405C5503
_UI_SET_EVBIT, _UI_SET_KEYBIT, _UI_SET_MSCBIT = 0x40045564, 0x40045565, 0x40045568
_EV_SYN, _EV_KEY, _EV_MSC, _MSC_SCAN = 0, 1, 4, 4
_SETUP = struct.Struct("=HHHH80sI")
_EVENT = struct.Struct("@llHHi")
_USB, _VENDOR, _PRODUCT = 3, 0xF055, 0x0002  # ids that nobody has
_KEYS = range(1, 249)


class Keyboard:
    """One keyboard, plugged in as long as it is open."""

    def __init__(self, name: str) -> None:
        self._file = os.open("/dev/uinput", os.O_RDWR | os.O_CLOEXEC)
        for kind in (_EV_SYN, _EV_KEY, _EV_MSC):
            fcntl.ioctl(self._file, _UI_SET_EVBIT, kind)
        for key in _KEYS:
            fcntl.ioctl(self._file, _UI_SET_KEYBIT, key)
        fcntl.ioctl(self._file, _UI_SET_MSCBIT, _MSC_SCAN)
        setup = _SETUP.pack(_USB, _VENDOR, _PRODUCT, 1, name.encode(), 0)
        fcntl.ioctl(self._file, _UI_DEV_SETUP, setup)
        fcntl.ioctl(self._file, _UI_DEV_CREATE)

    def send(self, frame: str) -> None:
        """The events of one frame, at once."""
        events = (tuple(map(int, event.split(":"))) for event in frame.split(","))
        os.write(self._file, b"".join(_EVENT.pack(0, 0, *event) for event in events))

    def unplug(self) -> None:
        """Away with it."""
        fcntl.ioctl(self._file, _UI_DEV_DESTROY)
        os.close(self._file)


def main() -> None:
    """Do what is asked, line by line."""
    fifo = Path(sys.argv[1])
    os.umask(0)  # whoever is logged in may write into it
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    keyboards: dict[str, Keyboard] = {}
    print("ready", flush=True)
    with os.fdopen(os.open(fifo, os.O_RDWR), encoding="ascii") as commands:  # both ways: the end never comes
        for line in iter(commands.readline, ""):
            if words := line.split():
                do(keyboards, *words)


def do(keyboards: dict[str, Keyboard], verb: str, *words: str) -> None:
    """One command."""
    if verb == "create":
        keyboards[words[0]] = Keyboard(" ".join(words[1:]))
    elif verb == "frames":
        play(keyboards, words[0], int(words[1]), words[2:])
    elif verb == "destroy":
        keyboards.pop(words[0]).unplug()
    elif verb == "wait":
        time.sleep(float(words[0]))
    elif verb == "signal":
        os.kill(int(words[0]), getattr(signal, f"SIG{words[1]}"))
    elif verb == "say":
        print(words[0], flush=True)
    else:
        raise SystemExit(f"{verb!r} is no command; allowed: see the top of this file")


def play(keyboards: dict[str, Keyboard], name: str, microseconds: int, frames: tuple[str, ...]) -> None:
    """Each when it is due, whatever it took to send those before it."""
    begun = time.monotonic()
    for number, frame in enumerate(frames):
        other, named, events = frame.rpartition("/")
        left = begun + number * microseconds / 1e6 - time.monotonic()
        if left > 0:
            time.sleep(left)
        keyboards[other if named else name].send(events)


if __name__ == "__main__":
    main()
