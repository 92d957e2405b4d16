"""Makes HID devices on a virtual Pi by /dev/uhid, and sends their reports. Standard library only; runs as root.

    python3 uhid.py FIFO

Reads a command a line from FIFO, which it makes, for ever:

    create ID DESCRIPTOR SERIAL NAME...   a device; DESCRIPTOR in hex
    reports ID MICROSECONDS REPORT...     reports in hex, so long from one to the next
    destroy ID                            unplugs it
    wait SECONDS
    signal PID NAME                       such as STOP or CONT
    say WORD                              on stdout, when all before it is done

Source: <linux/uhid.h>.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
import threading
import time
from pathlib import Path

_DESTROY, _GET_REPORT, _GET_REPORT_REPLY, _CREATE2, _INPUT2, _SET_REPORT, _SET_REPORT_REPLY = (
    1,
    9,
    10,
    11,
    12,
    13,
    14,
)
_CREATE = struct.Struct("=I128s64s64sHHIIII")
_INPUT = struct.Struct("=IH")
_ASKED = struct.Struct("=II")  # type, id
_EVENT_BYTES = 4380
_USB, _VENDOR, _PRODUCT = 3, 0xF055, 0x0001  # ids that nobody has
_NO_SUCH_REPORT = 5  # EIO


class Device:
    """One HID device, plugged in as long as it is open."""

    def __init__(self, descriptor: bytes, serial: str, name: str) -> None:
        self._file = os.open("/dev/uhid", os.O_RDWR | os.O_CLOEXEC)
        head = _CREATE.pack(
            _CREATE2, name.encode(), f"rig-{serial}/input0".encode(), serial.encode(),
            len(descriptor), _USB, _VENDOR, _PRODUCT, 0, 0,
        )  # fmt: skip
        os.write(self._file, head + descriptor)
        threading.Thread(target=self._answer, daemon=True).start()

    def send(self, report: bytes) -> None:
        """One report."""
        os.write(self._file, _INPUT.pack(_INPUT2, len(report)) + report)

    def unplug(self) -> None:
        """Away with it."""
        os.write(self._file, struct.pack("=I", _DESTROY))

    def _answer(self) -> None:
        """The kernel waits five seconds for each answer it does not get."""
        while True:
            select.select([self._file], [], [])
            kind, number = _ASKED.unpack_from(os.read(self._file, _EVENT_BYTES))
            if kind == _GET_REPORT:
                os.write(self._file, struct.pack("=IIHH", _GET_REPORT_REPLY, number, _NO_SUCH_REPORT, 0))
            elif kind == _SET_REPORT:
                os.write(self._file, struct.pack("=IIH", _SET_REPORT_REPLY, number, 0))


def main() -> None:
    """Do what is asked, line by line."""
    fifo = Path(sys.argv[1])
    os.umask(0)  # whoever is logged in may write into it
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    devices: dict[str, Device] = {}
    print("ready", flush=True)
    with os.fdopen(os.open(fifo, os.O_RDWR), encoding="ascii") as commands:  # both ways: the end never comes
        for line in iter(commands.readline, ""):
            if words := line.split():
                do(devices, *words)


def do(devices: dict[str, Device], verb: str, *words: str) -> None:
    """One command."""
    if verb == "create":
        devices[words[0]] = Device(bytes.fromhex(words[1]), words[2], " ".join(words[3:]))
    elif verb == "reports":
        pace(int(words[1]), [bytes.fromhex(word) for word in words[2:]], devices[words[0]].send)
    elif verb == "destroy":
        devices.pop(words[0]).unplug()
    elif verb == "wait":
        time.sleep(float(words[0]))
    elif verb == "signal":
        os.kill(int(words[0]), getattr(signal, f"SIG{words[1]}"))
    elif verb == "say":
        print(words[0], flush=True)
    else:
        raise SystemExit(f"{verb!r} is no command; allowed: see the top of this file")


def pace(microseconds: int, reports: list[bytes], send: object) -> None:
    """Each when it is due, whatever it took to send those before it."""
    begun = time.monotonic()
    for number, report in enumerate(reports):
        left = begun + number * microseconds / 1e6 - time.monotonic()
        if left > 0:
            time.sleep(left)
        send(report)  # type: ignore[operator]


if __name__ == "__main__":
    main()
