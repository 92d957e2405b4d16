"""A door in the way of the network that can be told to misbehave."""

from __future__ import annotations

import selectors
import socket
import threading
from dataclasses import dataclass, field

from pi_auto.typed import Any
from support.chaos.plan import Fault
from support.proxy import Door

_LOOK = 0.1  # seconds between looks whether it misbehaves in another way now
_SWALLOWING = (Fault.MUTE, Fault.DEAF)
_SLOWLY = 400  # bytes in as many seconds: 4 kB/s


@dataclass
class TroubledDoor(Door):
    """`trouble` is how it misbehaves, None where it does not; see Fault."""

    trouble: Fault | None = None
    _turned: threading.Event = field(default_factory=threading.Event)  # by `end`: nobody waits any more

    def begin(self, trouble: Fault) -> None:
        """Misbehave so."""
        swallowed = self.trouble in _SWALLOWING
        self._turned.clear()
        self.trouble = trouble
        if swallowed or trouble is Fault.CUT:
            self.hang_up()

    def end(self, trouble: Fault) -> None:
        """Misbehave so no more, if it still does. What was swallowed will never come."""
        if self.trouble is not trouble:
            return
        self.trouble = None
        self._turned.set()
        if trouble in _SWALLOWING:
            self.hang_up()

    def serve(self, sock: socket.socket) -> None:
        """Let it through, or hang up."""
        if self.trouble is not Fault.CUT:
            super().serve(sock)

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        """Carry both ways, as the trouble allows, until one side hangs up."""
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            going = True
            while going:
                if self.trouble is Fault.STALL:
                    self._turned.wait(_LOOK)
                else:
                    going = all(self._pass_on(key, near) for key, _ in selector.select(_LOOK))

    def _pass_on(self, key: selectors.SelectorKey, near: socket.socket) -> bool:
        """Pass on what there is to read from one side; whether the way stays open."""
        if self.trouble is Fault.STALL:
            return True
        side: Any = key.fileobj
        octets = side.recv(1 << 16)
        self.carried += len(octets)
        if side is not near and self.trouble is Fault.BREAK:
            key.data.sendall(octets[: len(octets) // 2])
            return False
        if self.trouble is (Fault.DEAF if side is near else Fault.MUTE):
            return bool(octets)
        while self.trouble is Fault.SLOW and len(octets) > _SLOWLY:
            key.data.sendall(octets[:_SLOWLY])
            octets = octets[_SLOWLY:]
            self._turned.wait(_LOOK)
        key.data.sendall(octets)
        return bool(octets)
