"""How a command begins and ends where somebody presses Ctrl-C: quietly, also while it is being loaded.

Loading a command takes some tenths of a second, in which Python answers Ctrl-C with a traceback of whatever module
it has come to. Until the command can answer for itself the signal simply ends the process, as it ends `cat`:
nothing is begun yet. Loads nothing, or it would take what it saves; where Ctrl-C is ignored it stays so.
"""

from __future__ import annotations

import sys
from _signal import (  # type: ignore[import-not-found] # `signal` itself would load enumerations first
    SIG_DFL,
    SIGINT,
    default_int_handler,
    getsignal,
    signal,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_INTERRUPTED = 130  # 128 and the number of the signal, as shells say it


def hush() -> None:
    """Let Ctrl-C end this process at once, without a word."""
    if getsignal(SIGINT) is default_int_handler:
        signal(SIGINT, SIG_DFL)


def started(main: Callable[[], int]) -> int:
    """What `main`, which is loaded by now, returns; 130 where Ctrl-C has ended it. Nothing is said afterwards."""
    if getsignal(SIGINT) == SIG_DFL:
        signal(SIGINT, default_int_handler)
    try:
        return main()
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        hush()


def client() -> int:
    """The command `pi-auto-client`."""
    return _start("pi_auto.client.cli")


def hub() -> int:
    """The command `pi-auto-hub`."""
    return _start("pi_auto.hub.cli")


def server() -> int:
    """The command `pi-auto-server`."""
    return _start("pi_auto.server.cli")


def simulator() -> int:
    """The command `pi-auto-sim`."""
    return _start("pi_auto.simulator.cli")


def _start(room: str) -> int:
    """By its name: what is shared by all rooms imports none of them."""
    hush()
    __import__(room)
    return started(sys.modules[room].main)
