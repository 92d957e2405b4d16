"""The connection that a worker has open or is making, so that another thread can end it.

A connection whose address went with its link is told nothing: whoever waits on it waits its
whole patience. So the one that notices the new network cuts it.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from pi_auto.client.agent.network.own_link import leads_on


class Line:
    """At most one connection. `was_cut` says that the one that was held is of no use any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: socket.socket | None = None
        self.was_cut = False

    def hold(self, sock: socket.socket) -> None:
        """The connection from now on, even before it is made."""
        with self._lock:
            self._drop()
            # A descriptor of our own: the other one may be closed, and its number another's, at any moment.
            self._held, self.was_cut = sock.dup(), False

    def drop(self) -> None:
        """There is none any more."""
        with self._lock:
            self._drop()

    def cut_unless_it_leads_on(self) -> None:
        """End it where it leaves from an address that is no longer the one to leave from. Any thread may."""
        with self._lock:
            if self._held and not leads_on(self._held.fileno()):
                self.was_cut = True
                with suppress(OSError):
                    self._held.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._held:
            self._held.close()
        self._held, self.was_cut = None, False
