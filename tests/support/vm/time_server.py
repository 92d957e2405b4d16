"""A forged time server: whoever asks by NTP is told the time that it was made with.

NTP's seconds end in February 2036 and begin anew: no later time can be told by it.
"""

from __future__ import annotations

import socket
import struct
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

_SINCE = datetime(1900, 1, 1, tzinfo=UTC)
_SERVES, _STRATUM, _POLL, _PRECISION = 0x24, 1, 6, -20  # version 4, as a server; one with a clock of its own


class TimeServer:
    """On port 123 of 127.0.0.1, which a virtual Pi reaches as 10.0.2.2; with `with`. Needs root."""

    def __init__(self, tells: datetime) -> None:
        self._tells = int((tells - _SINCE).total_seconds())
        self._over = threading.Event()
        self.asked = 0

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.2)
        self._socket.bind(("127.0.0.1", 123))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                question, who = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            if len(question) >= 48:
                self.asked += 1
                self._socket.sendto(self._answer(question), who)

    def _answer(self, question: bytes) -> bytes:
        now = struct.pack("!II", self._tells, 0)
        head = struct.pack("!BBbbII4s", _SERVES, _STRATUM, _POLL, _PRECISION, 0, 0, b"GPS\0")
        return head + now + question[40:48] + now + now
