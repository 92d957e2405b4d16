"""Everything that a host's network interfaces carry, as its bytes."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType
from typing import Self

from support.segments import Host

_ALL = 3  # ETH_P_ALL
_ROOM = 65536
_SOL_PACKET, _STATISTICS = 263, 6


class Wiretap:
    """Listens with `with`; `frames` hold what came and went since."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.frames: list[bytes] = []
        self._ended = False

    def __enter__(self) -> Self:
        self._socket = self._host.within(
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        )
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def missed(self) -> int:
        """How many frames it was too slow for since it was asked last."""
        counted = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8)
        return int(struct.unpack("II", counted)[1])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._thread.join()
        self._socket.close()

    def carried(self) -> bytes:
        """All of it, one after the other."""
        return b"\n".join(self.frames)

    def _listen(self) -> None:
        while not self._ended:
            try:
                self.frames.append(self._socket.recv(_ROOM))
            except TimeoutError:
                continue
