"""What a capture and its successor say to each other: one JSON object a message, descriptors beside it.

    successor    {"contract": 1, "release": …}                    I am there
    predecessor  {"contract": 1, "devices": [{"path", "judged"}…], "persons": […], "policy": [policy, priority]}
                 with the opened devices' descriptors, in their order
    successor    {"ready": true}, or {"no": "a sentence"}         all is loaded and prepared
    predecessor  {"go": {…}, "at": ns}                            I read no more since then (CLOCK_BOOTTIME)
    successor    {"reads": true}                                  from here on I do

Then the predecessor stores what it has, lets go of the spool, and hangs up. Whoever hangs up before has failed.
A change to any of this, or to what `go` holds, is another number: then there is no such handing over between
the two, and a release that must not be started by its predecessor takes another number too.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress

from pi_auto.client.capture.errors import NotTakenOver
from pi_auto.typed import Any

CONTRACT = 1
VARIABLE = "PI_AUTO_SUCCESSION"  # its value is the descriptor of the successor's end
DESCRIPTOR = 3
MOST_DEVICES = 64
_MOST = 128 * 1024  # bytes of a message

Message = dict[str, Any]


class Way:
    """One end. Messages come whole or not at all; `heard` counts those that came."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.heard = 0

    def fileno(self) -> int:
        """Readable when something has come, or when the other one has hung up."""
        return self._end.fileno()

    def say(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Raises NotTakenOver if the other one is not there, or the message is too long."""
        octets = json.dumps(message).encode()
        if len(octets) > _MOST:
            raise NotTakenOver(f"there are {len(octets)} bytes to hand over; allowed: {_MOST}")
        try:
            socket.send_fds(self._end, [octets], list(descriptors))
        except OSError as error:
            raise NotTakenOver(f"the other capture cannot be told ({error.strerror})", is_fault=True) from error

    def hear(self, patience: float, wanted: str, also: Iterable[int] = ()) -> tuple[Message, list[int]]:
        """The next message, which has to hold `wanted`, and the descriptors that came with it.

        Raises NotTakenOver if none comes within `patience` seconds, if one of `also` becomes readable, if the
        other one hangs up, or says something else.
        """
        poll = select.poll()
        for descriptor in (self.fileno(), *also):
            poll.register(descriptor, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(patience * 1000)]
        if self.fileno() not in ready:
            raise NotTakenOver("told to stop" if ready else f"nothing was heard for {patience:g} s", is_fault=True)
        octets, descriptors = self._received()
        try:
            return _read(octets, wanted), descriptors
        except NotTakenOver:
            close_all(descriptors)
            raise

    def hear_out(self) -> None:
        """Hear what the other one, which has ended, had said before."""
        for _ in range(2):  # an error is told before what waits
            with suppress(NotTakenOver):
                while self._received(socket.MSG_DONTWAIT)[0]:
                    pass

    def wait_for_end(self) -> None:
        """Until the other one has hung up."""
        with suppress(OSError):
            while self._end.recv(1):
                pass

    def close(self) -> None:
        """Hang up."""
        self._end.close()

    def _received(self, flags: int = 0) -> tuple[bytes, list[int]]:
        try:
            octets, descriptors, _, _ = socket.recv_fds(
                self._end, _MOST, MOST_DEVICES, flags | socket.MSG_CMSG_CLOEXEC
            )
        except OSError as error:
            raise NotTakenOver(f"the other capture cannot be heard ({error.strerror})", is_fault=True) from error
        self.heard += bool(octets)
        return octets, descriptors


def both_ends() -> tuple[socket.socket, socket.socket]:
    """The predecessor's and the successor's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def close_all(descriptors: Iterable[int]) -> None:
    """Close what came and is not wanted."""
    for descriptor in descriptors:
        with suppress(OSError):
            os.close(descriptor)


def _read(octets: bytes, wanted: str) -> Message:
    if not octets:
        raise NotTakenOver("the other capture has ended", is_fault=True)
    try:
        message = json.loads(octets)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise NotTakenOver(f"the other capture has said no JSON object, instead of {wanted!r}", is_fault=True)
    if isinstance(message.get("no"), str):
        raise NotTakenOver(message["no"][:200])
    if wanted not in message:
        said = str(sorted(message))[:80]
        raise NotTakenOver(f"the other capture has said {said}, instead of {wanted!r}", is_fault=True)
    return message
