"""Takes the server's ports, with a sentence for the operator where one cannot be had."""

from __future__ import annotations

import errno
import socket
import time

from pi_auto.server import serving
from pi_auto.server.errors import CommandFailed
from pi_auto.server.links.stopping import holds_address
from pi_auto.server.settings import Address, Settings

_LET_GO_WITHIN = 2.0  # seconds


def take(address: Address, option: str) -> socket.socket:
    """A listening socket; `option` is what names its address. Raises CommandFailed.

    A server that was told to stop may need a moment to let go of it.
    """
    deadline = time.monotonic() + _LET_GO_WITHIN
    while True:
        try:
            return serving.bind(address)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            if not taken or time.monotonic() > deadline:
                remedy = "end what uses it or name another" if taken else "name another"
                raise CommandFailed(
                    f"cannot listen on {address}: {error.strerror}; {remedy} with {option}"
                ) from error
        time.sleep(0.1)


def see_hubs_are_free(settings: Settings) -> None:
    """The hub takes its ports itself, and says less of it. Raises CommandFailed where it could not."""
    if settings.hub_mqtt and not holds_address(settings.data, settings.hub_mqtt):
        take(settings.hub_mqtt, "--hub-mqtt").close()
        if settings.hub_websocket:
            take(settings.hub_websocket, "--hub-websocket").close()
