"""One HTTP connection to the server: to the address that is dialled, verified for the name it must have.

All that happens on it has a deadline, which may be moved while an answer is read.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from typing import cast

from pi_auto.client.agent.deadline import DeadlineSocket
from pi_auto.client.agent.dialling import dial
from pi_auto.client.agent.line import Line
from pi_auto.client.agent.timekeeping.stepping import WallClock
from pi_auto.client.agent.tls import NamedContext, context_for
from pi_auto.client.clock import boot_id
from pi_auto.client.endpoint import Endpoint
from pi_auto.version import __version__
from pi_auto.wire.boot import HEADER

# What a kept connection raises that the other side has closed; by TLS also where it was reset: Python forgets why.
HUNG_UP = (http.client.BadStatusLine, ConnectionError, ssl.SSLEOFError)
_UNHEARD = 8  # seconds that what was sent may go without a sign of having arrived: the server has moved


class Connection(http.client.HTTPConnection):
    """A connection to the address that is dialled, with a deadline on all that happens on it."""

    used = False

    def __init__(self, endpoint: Endpoint, line: Line) -> None:
        super().__init__(*endpoint.dialled)
        self._endpoint, self._line = endpoint, line
        self._deadline = 0.0
        self._clock = WallClock()

    @property
    def is_proven(self) -> bool:
        """Whether what the server has shown still says who it is; not where the clock was set anew since."""
        return not self._endpoint.tls or not self._clock.was_stepped()

    def give_until(self, deadline: float) -> None:
        """Everything that follows must be over by then (time.monotonic)."""
        self._deadline = deadline
        if self.sock is not None:
            cast("DeadlineSocket", self.sock).deadline = deadline

    def connect(self) -> None:
        """Dial, and with TLS verify the name. Raises OSError."""
        soon = min(self._deadline, time.monotonic() + _UNHEARD)
        plain = dial(self._endpoint.dialled, self._endpoint.proxy, soon, self._line, self._endpoint.through)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD * 1000)
            sock = self._context().wrap_socket(plain) if self._endpoint.tls else plain
        except BaseException:
            plain.close()
            raise
        self.sock = DeadlineSocket(sock, self._deadline)

    def _context(self) -> NamedContext:
        to = self._endpoint
        return context_for(to.name, to.ca, as_of=to.as_of)


def headers_of(token: str | None) -> dict[str, str]:
    """Those of every request; the token goes into no other place. Beside it stands which boot shows it."""
    named = {"User-Agent": f"pi-auto-client/{__version__}", "Accept": "application/json"}
    return named | ({"Authorization": f"Bearer {token}", HEADER: boot_id()} if token else {})
